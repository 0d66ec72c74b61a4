"""Battery facts from `dumpsys battery`: charge, temperature, sources of power.

The format is that of Android's BatteryService.dumpInternal: `AC powered`, `USB powered`, `Wireless
powered` (4.2 on), `Dock powered` (13 on) and what makers add; temperature in tenths of a degree;
`present: false` on boxes that have no battery and say 0 or anything of it. After them makers add
sections of their own, in which names come again: of each name the first counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.devices.android.facts.temperatures import plausible_c
from bench.integers import parse_integer

BATTERY_STATES = {1: "unknown", 2: "charging", 3: "discharging", 4: "not charging", 5: "full"}
_SOURCE = re.compile(r"(\S.*) powered", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """Level in percent; `plugged` names the sources of power, "no" for none. Unknown is None."""

    level: int | None = None
    status: str | None = None
    temperature_c: float | None = None
    plugged: str | None = None


def parse_battery(text: str) -> Battery:
    """Read `dumpsys battery`; nothing in it is an error, what cannot be is None."""
    said = pairs(text)
    plugged = _plugged(said)
    if said.get("present", "").lower() == "false":
        return Battery(plugged=plugged)
    tenths = parse_integer(said.get("temperature"))
    return Battery(
        level=_percent(parse_integer(said.get("level")), parse_integer(said.get("scale"))),
        status=BATTERY_STATES.get(parse_integer(said.get("status")) or 0),
        temperature_c=None if tenths is None else plausible_c(tenths / 10),
        plugged=plugged,
    )


def pairs(text: str) -> dict[str, str]:
    """Read `name: value` lines; of a name that comes again, the first."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def _percent(level: int | None, scale: int | None) -> int | None:
    whole = 100 if scale is None else scale
    if level is None or whole <= 0 or not 0 <= level <= whole:
        return None
    return round(100 * level / whole)


def _plugged(said: Mapping[str, str]) -> str | None:
    """Name what it is plugged into, as the dump names it; "no" for nothing."""
    sources = {
        match[1].lower(): value.lower()
        for name, value in said.items()
        if (match := _SOURCE.fullmatch(name)) and value.lower() in {"true", "false"}
    }
    if not sources:
        return None
    return ",".join(name for name, value in sources.items() if value == "true") or "no"
