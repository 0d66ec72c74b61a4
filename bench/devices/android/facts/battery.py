"""Battery facts from `dumpsys battery`: charge, temperature, sources of power.

The format is that of Android's BatteryService.dumpInternal: `AC powered`, `USB powered`, `Wireless
powered` (since 4.2), `Dock powered` (since 13) and additions of makers; temperature in tenths of a
degree; `present: false` on devices without a battery, whose other values are meaningless. Makers
append sections in which names repeat: the first value of each name counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.devices.remote.facts.shell_queries import pairs
from bench.devices.remote.facts.temperatures import plausible_c
from bench.integers import parse_integer

BATTERY_STATES = {1: "unknown", 2: "charging", 3: "discharging", 4: "not charging", 5: "full"}
_SOURCE = re.compile(r"(\S.*) powered", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Level in percent; `plugged` names the sources of power, "no" for none. None if unknown."""

    level: int | None = None
    status: str | None = None
    temperature_c: float | None = None
    plugged: str | None = None


def parse_battery(text: str) -> Battery:
    """Parse `dumpsys battery`; invalid values are None, never an error."""
    values = pairs(text)
    plugged = _plugged(values)
    if values.get("present", "").lower() == "false":
        return Battery(plugged=plugged)
    tenths = parse_integer(values.get("temperature"))
    return Battery(
        level=_percent(parse_integer(values.get("level")), parse_integer(values.get("scale"))),
        status=BATTERY_STATES.get(parse_integer(values.get("status")) or 0),
        temperature_c=None if tenths is None else plausible_c(tenths / 10),
        plugged=plugged,
    )


def _percent(level: int | None, scale: int | None) -> int | None:
    whole = 100 if scale is None else scale
    if level is None or whole <= 0 or not 0 <= level <= whole:
        return None
    return round(100 * level / whole)


def _plugged(values: Mapping[str, str]) -> str | None:
    """Return the sources of power as the dump names them; "no" for none."""
    sources = {
        match[1].lower(): value.lower()
        for name, value in values.items()
        if (match := _SOURCE.fullmatch(name)) and value.lower() in {"true", "false"}
    }
    if not sources:
        return None
    return ",".join(name for name, value in sources.items() if value == "true") or "no"
