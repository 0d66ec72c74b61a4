"""Temperatures from a phone's sensors: the sensor's part, its unit, its plausible range.

Two sources: the thermal zones of Linux (/sys/class/thermal), which have a name of the maker's and
a number without a unit, and Android's thermal HAL (`dumpsys thermalservice`), which states a type
for each sensor. Both lists also hold values that are no temperatures: the battery's percentage
(`soc`), its voltage (`vbat`), currents (`ibat`, `ocp_cpu1`), limits (`lmh-dcvs-00`) and counters.

Sources: android.hardware.thermal, TemperatureType; Qualcomm's battery current limiting drivers and
Google's (gs101) for the names of zones that are no temperatures.
"""

import re
from collections.abc import Mapping
from enum import IntEnum

from bench.devices.android.facts.shell_queries import file_lines
from bench.integers import parse_integer

ZONES = "/sys/class/thermal"
# Outside of it (bounds included) no sensor of a phone in use can be: thermistors that are not
# connected read -40 or 125, sensors that are off -274.
PLAUSIBLE_C = (-20.0, 125.0)
# Names of zones that hold a percentage, and parts of names of those that hold volts, amperes,
# limits, differences or counts. bench/devices/android/runner/source/sensors.c has the same two
# lists.
PERCENTAGES = ("soc", "socd")
NOT_CELSIUS = (
    *("vbat", "ibat", "vbus", "ibus", "vph", "bcl", "batoilo", "vdroop", "ocp", "smpl", "uvlo"),
    *("lmh", "cycle", "minus", "volt", "curr", "percent"),
)


class Part(IntEnum):
    """What a sensor is on; the lower, the nearer to what the processor's cores feel."""

    CORES = 0
    CHIP = 1
    BOARD = 2  # the case too, and what is not known by name
    OTHER = 3  # battery, graphics, charger, radio, ...
    NOTHING = 4  # no sensor at all


# TemperatureType. 6, 7 and 8 are volts, amperes and percent; -1 is unknown.
_STATED = {
    **{0: Part.CORES, 13: Part.CHIP, 3: Part.BOARD},
    **dict.fromkeys((1, 2, 4, 5, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19), Part.OTHER),
}
_BATTERY_LIMITS = (6, 7, 8)
_HAL = re.compile(
    r"Temperature\{mValue=(-?[0-9]{1,6}(?:\.[0-9]{1,9})?), mType=(-?\d{1,4}), mName=([^,}\n]+)",
    re.ASCII,
)
_NUMBERED = re.compile(r"#\d+$", re.ASCII)  # how the runner tells zones of one name apart
_CORES = re.compile(r"cpu|^big|little|^mid|apc|cluster|gold|silver|x86_pkg", re.IGNORECASE)
_CHIP = re.compile(r"tsens|soc", re.IGNORECASE)
_OTHER = re.compile(
    r"batt|^bms|maxfg|chg|charg|usb|wlan|wifi|modem|mdm|cam|gpu|g3d|pmic|^pm\w?\d|npu|tpu|pa_?therm",
    re.IGNORECASE,
)


def hottest_c(
    temperatures_c: Mapping[str, float],
    battery_c: float | None = None,
    stated: Mapping[str, Part] | None = None,
) -> float | None:
    """Return the hottest of the sensors nearest to the processor's cores, else the battery's.

    `stated` are parts that the phone itself states, by sensor; they go before names.
    """
    parts = _parts(temperatures_c, stated)
    nearest = min(parts.values(), default=Part.NOTHING)
    near = [temperatures_c[name] for name, part in parts.items() if part == nearest]
    return max(near, default=battery_c)


def nearest_part(
    temperatures_c: Mapping[str, float], stated: Mapping[str, Part] | None = None
) -> Part:
    """Return the part that `hottest_c` is the temperature of."""
    return min(_parts(temperatures_c, stated).values(), default=Part.NOTHING)


def part_of(name: str) -> Part | None:
    """Return the part that a sensor's name tells of; None where it measures no temperature."""
    name = _NUMBERED.sub("", name.strip()).lower()
    if name in PERCENTAGES or any(word in name for word in NOT_CELSIUS):
        return None
    if _OTHER.search(name):
        return Part.OTHER
    if _CORES.search(name):
        return Part.CORES
    return Part.CHIP if _CHIP.search(name) else Part.BOARD


def plausible_c(value: float) -> float | None:
    """Return degrees Celsius as they are; None where no sensor that is on can say so.

    A phone's sensor that is off, or not there, says exactly 0.
    """
    low, high = PLAUSIBLE_C
    return value if value != 0 and low < value < high else None


def parse_zones(answer: str) -> dict[str, float]:
    """Degrees Celsius by sensor, from the `type` and `temp` files of /sys/class/thermal.

    Sensors of one name keep the hottest. What measures no temperature is left out.
    """
    files = file_lines(answer)
    found: dict[str, float] = {}
    for path, content in files.items():
        folder = path.removesuffix("/temp")
        value = celsius(parse_integer(content))
        if folder == path or value is None:
            continue
        name = files.get(f"{folder}/type") or folder.removeprefix(f"{ZONES}/")
        found[name] = max(value, found.get(name, value))
    return only_temperatures(found)


def only_temperatures(readings: Mapping[str, float]) -> dict[str, float]:
    """Keep what is a temperature by its name and can be one by its value."""
    return {
        name: value
        for name, value in readings.items()
        if part_of(name) is not None and plausible_c(value) is not None
    }


def celsius(reading: int | None) -> float | None:
    """What a thermal zone's number means: thousandths, tenths (Qualcomm's old ones) or degrees.

    None for what none of them can be. Below 5000 there are no thousandths: no chip that computes
    is below 5 degrees, while millivolts and milliamperes are of this size. Small numbers are states
    of a switch, and negative ones error numbers of the kernel.
    """
    if reading is None or -5000 < reading < 5 or 1000 < reading < 5000:
        return None
    divisor = 1000 if abs(reading) > 1000 else 10 if reading > 150 else 1
    return plausible_c(reading / divisor)


def parse_hal(dump: str) -> dict[str, float]:
    """Degrees Celsius by sensor, from what `dumpsys thermalservice` says its HAL says now.

    Cached temperatures are left alone: Android keeps there what was said when a sensor last
    changed its state of alarm, days ago perhaps.
    """
    return {name: value for name, (value, _) in _hal_sensors(dump).items()}


def hal_parts(dump: str) -> dict[str, Part]:
    """Return the part that each sensor of `parse_hal` is on, as its stated type has it."""
    return {name: part for name, (_, part) in _hal_sensors(dump).items()}


def _hal_sensors(dump: str) -> dict[str, tuple[float, Part]]:
    _, _, now = dump.partition("Current temperatures from HAL:")
    found: dict[str, tuple[float, Part]] = {}
    for line in now.splitlines()[1:]:
        if line.strip() and "Temperature{" not in line:
            break  # cooling devices, thresholds
        match = _HAL.search(line)
        if match is None:
            continue
        name = match[3].strip()
        value, part = plausible_c(float(match[1])), _stated_part(int(match[2]), name)
        if value is not None and part is not None:
            # Of one name, the nearer to the cores; of two as near, the hotter.
            found[name] = min(found.get(name, (value, part)), (value, part), key=_nearer)
    return found


def _stated_part(kind: int, name: str) -> Part | None:
    """Return the part of a HAL's type. Of unknown type only what is named after cores is taken:

    the others hold differences of two sensors and settings too.
    """
    if kind in _BATTERY_LIMITS:
        return None
    by_name = Part.CORES if part_of(name) == Part.CORES else None
    return _STATED.get(kind, by_name)


def _nearer(sensor: tuple[float, Part]) -> tuple[Part, float]:
    value, part = sensor
    return part, -value


def _parts(
    temperatures_c: Mapping[str, float], stated: Mapping[str, Part] | None
) -> dict[str, Part]:
    known = stated or {}
    parts = {name: known.get(name, part_of(name)) for name in temperatures_c}
    return {name: part for name, part in parts.items() if part is not None}
