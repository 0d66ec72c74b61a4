"""Temperatures from a phone's sensors: the sensor's part, its unit, its plausible range.

Two sources: the thermal zones of Linux (/sys/class/thermal), which have a name given by the maker
and a number without a unit, and Android's thermal HAL (`dumpsys thermalservice`), which states a
type for each sensor. Both lists also contain values that are not temperatures: the battery's
percentage (`soc`), its voltage (`vbat`), currents (`ibat`, `ocp_cpu1`), limits (`lmh-dcvs-00`) and
counters.

Sources: android.hardware.thermal, TemperatureType; Qualcomm's battery current limiting drivers and
Google's (gs101) for the names of zones that are not temperatures.
"""

import re
from collections.abc import Mapping
from enum import IntEnum

from bench.devices.remote.facts.shell_queries import file_lines
from bench.integers import parse_integer

ZONES = "/sys/class/thermal"
# Implausible for a phone in use (bounds included): thermistors that are not connected read -40 or
# 125, sensors that are off -274.
PLAUSIBLE_C = (-20.0, 125.0)
# Names of zones that hold a percentage, and parts of names of those that hold volts, amperes,
# limits, differences or counts. bench/devices/remote/runner/source/sensors.c has the same two
# lists.
PERCENTAGES = ("soc", "socd")
NOT_CELSIUS = (
    *("vbat", "ibat", "vbus", "ibus", "vph", "bcl", "batoilo", "vdroop", "ocp", "smpl", "uvlo"),
    *("lmh", "cycle", "minus", "volt", "curr", "percent"),
)


class Part(IntEnum):
    """Location of a sensor; lower values are nearer to the processor's cores."""

    CORES = 0
    CHIP = 1
    BOARD = 2  # the case too, and unknown names
    OTHER = 3  # battery, graphics, charger, radio, ...
    NOTHING = 4  # battery, graphics, charger, radio, ...


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
_NUMBERED = re.compile(r"#\d+$", re.ASCII)  # the runner's suffix for zones of the same name
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

    `stated` are parts that the device states, by sensor; they have priority over names.
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
    """Return the part of a sensor by its name; None if it measures no temperature."""
    name = _NUMBERED.sub("", name.strip()).lower()
    if name in PERCENTAGES or any(word in name for word in NOT_CELSIUS):
        return None
    if _OTHER.search(name):
        return Part.OTHER
    if _CORES.search(name):
        return Part.CORES
    return Part.CHIP if _CHIP.search(name) else Part.BOARD


def plausible_c(value: float) -> float | None:
    """Return degrees Celsius; None if implausible for a sensor that is on.

    A phone's sensor that is off, or missing, reads exactly 0.
    """
    low, high = PLAUSIBLE_C
    return value if value != 0 and low < value < high else None


def parse_zones(answer: str) -> dict[str, float]:
    """Return degrees Celsius by sensor, from the `type` and `temp` files of /sys/class/thermal.

    Of sensors with the same name the hottest is kept. Values that are not temperatures are left
    out.
    """
    files = file_lines(answer)
    by_sensor: dict[str, float] = {}
    for path, content in files.items():
        folder = path.removesuffix("/temp")
        value = celsius(parse_integer(content))
        if folder == path or value is None:
            continue
        name = files.get(f"{folder}/type") or folder.removeprefix(f"{ZONES}/")
        by_sensor[name] = max(value, by_sensor.get(name, value))
    return only_temperatures(by_sensor)


def only_temperatures(readings: Mapping[str, float]) -> dict[str, float]:
    """Return the readings that are temperatures by name and plausible by value."""
    return {
        name: value
        for name, value in readings.items()
        if part_of(name) is not None and plausible_c(value) is not None
    }


def celsius(reading: int | None) -> float | None:
    """Convert a thermal zone's number: thousandths, tenths (old Qualcomm) or degrees.

    None for implausible numbers. Values below 5000 are not thousandths: no chip at work is below 5
    degrees, while millivolts and milliamperes have this size. Small numbers are states of a switch,
    and negative ones error numbers of the kernel.
    """
    if reading is None or -5000 < reading < 5 or 1000 < reading < 5000:
        return None
    divisor = 1000 if abs(reading) > 1000 else 10 if reading > 150 else 1
    return plausible_c(reading / divisor)


def parse_hal(dump: str) -> dict[str, float]:
    """Return degrees Celsius by sensor, from the present values of `dumpsys thermalservice`.

    Cached temperatures are ignored: Android keeps there the value of a sensor's last change of its
    alarm state, perhaps days ago.
    """
    return {name: value for name, (value, _) in _hal_sensors(dump).items()}


def hal_parts(dump: str) -> dict[str, Part]:
    """Return the part of each sensor of `parse_hal`, by its stated type."""
    return {name: part for name, (_, part) in _hal_sensors(dump).items()}


def _hal_sensors(dump: str) -> dict[str, tuple[float, Part]]:
    _, _, current = dump.partition("Current temperatures from HAL:")
    sensors: dict[str, tuple[float, Part]] = {}
    for line in current.splitlines()[1:]:
        if line.strip() and "Temperature{" not in line:
            break  # cooling devices, thresholds
        match = _HAL.search(line)
        if match is None:
            continue
        name = match[3].strip()
        value, part = plausible_c(float(match[1])), _stated_part(int(match[2]), name)
        if value is not None and part is not None:
            # Of the same name, the one nearer to the cores; if equal, the hotter one.
            sensors[name] = min(sensors.get(name, (value, part)), (value, part), key=_nearer)
    return sensors


def _stated_part(kind: int, name: str) -> Part | None:
    """Return the part of a HAL type. Of unknown types only sensors named after cores count:

    the others include differences of two sensors, and settings.
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
