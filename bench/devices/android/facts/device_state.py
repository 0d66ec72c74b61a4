"""State of a phone: frequencies, temperatures, battery, screen. None if it is unknown.

Formats are those of the dumps of Android's BatteryService, ThermalManagerService (Android 10 and
later) and PowerManagerService; the numbers of states are BatteryManager's and PowerManager's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.devices.android.facts.battery import pairs, parse_battery
from bench.devices.android.facts.facts import CPU, plausible_khz
from bench.devices.android.facts.shell_queries import answers, file_lines, script
from bench.devices.android.facts.temperatures import (
    ZONES,
    Part,
    hal_parts,
    hottest_c,
    nearest_part,
    parse_hal,
    parse_zones,
)
from bench.integers import parse_integer
from bench.protocol.device import Facts

THERMAL_STATES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
MEMORY_BYTES = (1 << 24, 1 << 42)  # 16 MB to 4 TB: plausible for a device that runs Android
_CORE_FILE = re.compile(r"/cpu(\d{1,4})/cpufreq/(\w+)$", re.ASCII)
_LOAD = re.compile(r"\d{1,4}\.\d{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneState:
    """Frequencies by core, temperatures by sensor; the battery's level is in percent.

    `parts` are the locations of sensors that the phone states; others follow from their names.
    """

    frequencies_khz: Mapping[int, int] = field(default_factory=dict)
    limits_khz: Mapping[int, int] = field(default_factory=dict)  # present upper limits of the cores
    temperatures_c: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    battery_level: int | None = None
    battery_status: str | None = None
    battery_temperature_c: float | None = None
    plugged: str | None = None
    thermal_status: int | None = None
    screen_on: bool | None = None
    power_save: bool | None = None
    load_average: float | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None

    @property
    def temperature_c(self) -> float | None:
        """Temperature of the processor; of the battery if no other is known."""
        return hottest_c(self.temperatures_c, self.battery_temperature_c, self.parts)

    def state(self) -> Facts:
        """Return battery, screen and thermal state: useful to interpret a figure later."""
        status = self.thermal_status
        return {
            "battery_level": self.battery_level,
            "battery_status": self.battery_status,
            "battery_temperature_c": self.battery_temperature_c,
            "plugged": self.plugged,
            "thermal_status": None if status is None else THERMAL_STATES[status],
            "screen_on": self.screen_on,
            "power_save": self.power_save,
            "frequency_limits_khz": joined(self.limits_khz),
        }

    def flat(self) -> Facts:
        """Return the facts of a device, with the names that this machine's facts have too."""
        return {
            "frequency_now_khz": max(self.frequencies_khz.values(), default=None),
            "frequencies_khz": joined(self.frequencies_khz),
            "temperature_c": self.temperature_c,
            "temperatures_c": joined(self.temperatures_c),
            "load_average": self.load_average,
            "memory_total_bytes": self.memory_total_bytes,
            "memory_available_bytes": self.memory_available_bytes,
            **self.state(),
        }


def joined(values: Mapping[int, int] | Mapping[str, int] | Mapping[str, float]) -> str | None:
    """Return many readings as one fact, `a=1,b=2.5`; None for none."""
    return ",".join(f"{name}={value}" for name, value in values.items()) or None


def changes_between(before: PhoneState, after: PhoneState) -> str:
    """Return which changes of a phone's state may have changed its speed, "" for none."""
    changes = []
    if before.screen_on and after.screen_on is False:
        changes.append("its screen went off")
    if before.plugged != after.plugged and after.plugged is not None:
        changes.append("it was unplugged" if after.plugged == "no" else "it was plugged in")
    if before.power_save is False and after.power_save:
        changes.append("battery saver came on")
    if (after.thermal_status or 0) > (before.thermal_status or 0):
        changes.append(f"its thermal status rose to {THERMAL_STATES[after.thermal_status or 0]}")
    return ", ".join(changes)


def state_script() -> str:
    """Return the shell script whose output `parse_state` reads."""
    cpufreq = f"{CPU}/cpu[0-9]*/cpufreq"
    zones = f"{ZONES}/thermal_zone*"
    patterns = "-e mWakefulness= -e 'Display Power: state='"
    return script(
        {
            "cpufreq": f"first {cpufreq}/scaling_cur_freq {cpufreq}/scaling_max_freq",
            "zones": f"first {zones}/type {zones}/temp",
            "battery": "dumpsys battery",
            "thermal": "dumpsys thermalservice",
            "power": f"dumpsys power | grep {patterns}",
            "power_save": "settings get global low_power",
            "load": "cat /proc/loadavg",
            "memory": "cat /proc/meminfo",
        }
    )


def parse_state(text: str) -> PhoneState:
    """Parse the output of `state_script`; invalid values are None, never an error."""
    by_name = answers(text)
    battery = parse_battery(by_name.get("battery", ""))
    dump = by_name.get("thermal", "")
    memory = pairs(by_name.get("memory", ""))
    status = parse_integer(pairs(dump).get("Thermal Status"))
    temperatures_c, parts = _temperatures(by_name.get("zones", ""), dump)
    total = _memory_bytes(memory.get("MemTotal"), MEMORY_BYTES[1], minimum=MEMORY_BYTES[0])
    available = _memory_bytes(memory.get("MemAvailable") or memory.get("MemFree"), total)
    return PhoneState(
        frequencies_khz=_by_core(by_name.get("cpufreq", ""), "scaling_cur_freq"),
        limits_khz=_by_core(by_name.get("cpufreq", ""), "scaling_max_freq"),
        temperatures_c=temperatures_c,
        parts=parts,
        battery_level=battery.level,
        battery_status=battery.status,
        battery_temperature_c=battery.temperature_c,
        plugged=battery.plugged,
        thermal_status=status if status in range(len(THERMAL_STATES)) else None,
        screen_on=_screen_on(by_name.get("power", "")),
        power_save={"0": False, "1": True, "null": False}.get(
            by_name.get("power_save", "").strip()
        ),
        load_average=_load_average(by_name.get("load", "")),
        memory_total_bytes=total,
        memory_available_bytes=available,
    )


def _temperatures(zones: str, dump: str) -> tuple[dict[str, float], dict[str, Part]]:
    """Return the source whose sensors are nearer to the processor's cores, the zones if equal."""
    of_zones, of_hal, parts = parse_zones(zones), parse_hal(dump), hal_parts(dump)
    if nearest_part(of_zones) <= nearest_part(of_hal, parts):
        return of_zones, {}
    return of_hal, parts


def _by_core(answer: str, name: str) -> dict[int, int]:
    by_core: dict[int, int] = {}
    for path, content in file_lines(answer).items():
        match, value = _CORE_FILE.search(path), parse_integer(content)
        khz = plausible_khz(value)
        if match and match[2] == name and khz is not None:
            by_core[int(match[1])] = khz
    return dict(sorted(by_core.items()))


def _screen_on(power: str) -> bool | None:
    awake = re.search(r"mWakefulness=(\w+)", power)
    state = re.search(r"Display Power: state=(\w+)", power)
    if state:
        return state[1] == "ON"
    return awake[1] == "Awake" if awake else None


def _load_average(text: str) -> float | None:
    parts = text.split()
    return float(parts[0]) if parts and _LOAD.fullmatch(parts[0]) else None


def _memory_bytes(text: str | None, maximum: int | None, minimum: int = 0) -> int | None:
    """Parse a line of /proc/meminfo, in kB; None if it is invalid."""
    kilobytes = parse_integer((text or "").removesuffix("kB").strip())
    if kilobytes is None or maximum is None or not minimum <= 1024 * kilobytes <= maximum:
        return None
    return 1024 * kilobytes
