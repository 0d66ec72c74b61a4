"""State of a phone: frequencies, temperatures, battery, screen. None if it is unknown.

Formats are those of the dumps of Android's BatteryService, ThermalManagerService (Android 10 and
later) and PowerManagerService; the numbers of states are BatteryManager's and PowerManager's.
"""

import re
from dataclasses import dataclass

from bench.devices.android.facts.battery import parse_battery
from bench.devices.remote.facts.device_state import (
    DeviceState,
    parse_frequencies_and_limits,
    parse_load_average,
    parse_memory_bytes,
    state_queries,
)
from bench.devices.remote.facts.shell_queries import answers, pairs, script
from bench.devices.remote.facts.temperatures import (
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
THROTTLING = THERMAL_STATES.index("moderate")  # PowerManager: light has no effect yet


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneState(DeviceState):
    """A device's state with battery and screen; the battery's level is in percent."""

    battery_level: int | None = None
    battery_status: str | None = None
    battery_temperature_c: float | None = None
    plugged: str | None = None
    thermal_status: int | None = None
    screen_on: bool | None = None
    power_save: bool | None = None

    @property
    def temperature_c(self) -> float | None:
        """Temperature of the processor; of the battery if no other is known."""
        return hottest_c(self.temperatures_c, self.battery_temperature_c, self.parts)

    @property
    def reported_throttling(self) -> str:
        """Android's thermal status, if it is one that slows the phone."""
        status = self.thermal_status
        if status is None or status < THROTTLING:
            return ""
        return f"Android's thermal status is {THERMAL_STATES[status]}"

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
            **DeviceState.state(self),
        }

    def changes_to(self, after: DeviceState) -> str:
        """Return which changes until `after` may have changed the phone's speed, "" for none."""
        if not isinstance(after, PhoneState):
            return ""
        changes = []
        if self.screen_on and after.screen_on is False:
            changes.append("its screen went off")
        if self.plugged != after.plugged and after.plugged is not None:
            changes.append("it was unplugged" if after.plugged == "no" else "it was plugged in")
        if self.power_save is False and after.power_save:
            changes.append("battery saver came on")
        if (after.thermal_status or 0) > (self.thermal_status or 0):
            changes.append(
                f"its thermal status rose to {THERMAL_STATES[after.thermal_status or 0]}"
            )
        return ", ".join(changes)


def state_script() -> str:
    """Return the shell script whose output `parse_state` reads."""
    patterns = "-e mWakefulness= -e 'Display Power: state='"
    return script(
        {
            **state_queries(),
            "battery": "dumpsys battery",
            "thermal": "dumpsys thermalservice",
            "power": f"dumpsys power | grep {patterns}",
            "power_save": "settings get global low_power",
        }
    )


def parse_state(text: str) -> PhoneState:
    """Parse the output of `state_script`; invalid values are None, never an error."""
    by_name = answers(text)
    battery = parse_battery(by_name.get("battery", ""))
    dump = by_name.get("thermal", "")
    status = parse_integer(pairs(dump).get("Thermal Status"))
    temperatures_c, parts = _temperatures(by_name.get("zones", ""), dump)
    total, available = parse_memory_bytes(by_name.get("memory", ""))
    frequencies_khz, limits_khz = parse_frequencies_and_limits(by_name)
    return PhoneState(
        frequencies_khz=frequencies_khz,
        limits_khz=limits_khz,
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
        load_average=parse_load_average(by_name.get("load", "")),
        memory_total_bytes=total,
        memory_available_bytes=available,
    )


def _temperatures(zones: str, dump: str) -> tuple[dict[str, float], dict[str, Part]]:
    """Return the source whose sensors are nearer to the processor's cores, the zones if equal."""
    of_zones, of_hal, parts = parse_zones(zones), parse_hal(dump), hal_parts(dump)
    if nearest_part(of_zones) <= nearest_part(of_hal, parts):
        return of_zones, {}
    return of_hal, parts


def _screen_on(power: str) -> bool | None:
    awake = re.search(r"mWakefulness=(\w+)", power)
    state = re.search(r"Display Power: state=(\w+)", power)
    if state:
        return state[1] == "ON"
    return awake[1] == "Awake" if awake else None
