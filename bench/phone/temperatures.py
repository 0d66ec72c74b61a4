"""Temperatures as phones tell them: many sensors, three units, names of the maker's own."""

import re
from collections.abc import Mapping

from bench.phone.asking import file_lines, number

ZONES = "/sys/class/thermal"
LIKELY_C = (-40.0, 150.0)  # outside of it, a sensor that is switched off
_HAL = re.compile(
    r"Temperature\{mValue=(-?[0-9]{1,6}(?:\.[0-9]{1,9})?), mType=\d+, mName=([^,}\n]+)"
)
_CPU = re.compile(r"cpu|^big|little|^mid|apc|cluster|tsens|soc", re.IGNORECASE)
_OTHER = re.compile(r"batt|chg|charg|usb|wlan|modem|cam|gpu|pmic|^pm\d", re.IGNORECASE)


def hottest_c(temperatures_c: Mapping[str, float], battery_c: float | None = None) -> float | None:
    """The hottest of the processor's sensors, else of the others, else the battery's."""
    others = {name: value for name, value in temperatures_c.items() if not _OTHER.search(name)}
    processor = [value for name, value in others.items() if _CPU.search(name)]
    return max(processor or others.values() or temperatures_c.values(), default=battery_c)


def parse_zones(answer: str) -> dict[str, float]:
    """Degrees Celsius by sensor, from the `type` and `temp` files of /sys/class/thermal.

    Sensors of one name keep the hottest.
    """
    files = file_lines(answer)
    found: dict[str, float] = {}
    for path, content in files.items():
        folder = path.removesuffix("/temp")
        value = celsius(number(content))
        if folder == path or value is None:
            continue
        name = files.get(f"{folder}/type") or folder.removeprefix(f"{ZONES}/")
        found[name] = max(value, found.get(name, value))
    return found


def celsius(reading: int | None) -> float | None:
    """What a thermal zone's number means: thousandths, tenths (Qualcomm's old ones) or degrees."""
    if reading is None:
        return None
    divisor = 1000 if abs(reading) > 1000 else 10 if abs(reading) > LIKELY_C[1] else 1
    value = reading / divisor
    return value if LIKELY_C[0] < value < LIKELY_C[1] else None


def parse_hal(dump: str) -> dict[str, float]:
    """The same from `dumpsys thermalservice`: what its HAL says now, else what it last said."""
    _, _, now = dump.partition("Current temperatures from HAL:")
    now, _, _ = now.partition("Current cooling devices")
    pairs = _HAL.findall(now) or _HAL.findall(dump)
    values = {name.strip(): float(value) for value, name in pairs}
    return {name: v for name, v in values.items() if LIKELY_C[0] < v < LIKELY_C[1]}
