"""Whether a phone can be measured: idle, cool, charged enough."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.devices.android.facts.cooling import THROTTLING
from bench.devices.android.facts.device_state import THERMAL_STATES, PhoneState
from bench.devices.android.facts.shell_queries import answers, script
from bench.errors import DeviceError
from bench.integers import parse_integer

MAX_BUSY_CORES = 0.30  # of one core; a phone with its screen on is never as idle as a server
LEAST_BATTERY = 15  # percent; most phones save power below it
MAX_CPU_C = 60.0  # idle phones are at 30 to 45
TICKS_A_SECOND = 100  # USER_HZ, of /proc/PID/stat
SAMPLE_S = 1
_UPTIME = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
# The daemon that carries the question, and what the question itself is made of.
OURS = frozenset({"adbd", "sh", "cat", "sleep", "mksh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """What other processes use, in cores, and the one that uses most."""

    cores: float
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """One process, told from a later one of the same number; kernel threads change names."""

    pid: int
    began: int  # ticks after the system's start
    name: str = field(compare=False)


def quiet_script() -> str:
    """Shell script whose output `parse_busy` reads; it takes about a second."""
    look = "cat /proc/uptime /proc/[0-9]*/stat"
    return script({"before": look, "wait": f"sleep {SAMPLE_S}", "after": look})


def parse_busy(text: str) -> Busy | None:
    """Read what `quiet_script` wrote; None where the phone does not tell."""
    told = answers(text)
    before, after = (_sample(told.get(name, "")) for name in ("before", "after"))
    if before is None or after is None or after[0] <= before[0]:
        return None
    seconds = after[0] - before[0]
    used = {one: ticks - before[1].get(one, 0) for one, ticks in after[1].items()}
    used = {one: ticks for one, ticks in used.items() if ticks > 0 and one.name not in OURS}
    if not used:
        return Busy(cores=0.0, most="none")
    most = max(used, key=lambda one: used[one])
    cores = sum(used.values()) / TICKS_A_SECOND / seconds
    return Busy(cores=cores, most=f"{most.name}, process {most.pid}")


def check_fit(now: PhoneState, busy: Busy | None) -> None:
    """Raise `DeviceError` naming everything that speaks against measuring now."""
    against = []
    if busy is not None and busy.cores > MAX_BUSY_CORES:
        against.append(
            f"other processes use {busy.cores:.0%} of a core (most: {busy.most}), at most "
            f"{MAX_BUSY_CORES:.0%} is expected: close apps"
        )
    if now.battery_level is not None and now.battery_level < LEAST_BATTERY:
        against.append(f"its battery is at {now.battery_level} %: charge it to {LEAST_BATTERY} %")
    if now.power_save:
        against.append("battery saver is on: turn it off")
    if now.thermal_status is not None and now.thermal_status >= THROTTLING:
        against.append(f"it is hot (thermal status {THERMAL_STATES[now.thermal_status]}): wait")
    elif now.temperature_c is not None and now.temperature_c > MAX_CPU_C:
        against.append(f"it is hot ({now.temperature_c:.0f} C, over {MAX_CPU_C:.0f}): wait")
    if against:
        raise DeviceError(
            f"the phone is not fit to be measured: {'; '.join(against)}; or use --force"
        )


def _sample(answer: str) -> tuple[float, Mapping[_Process, int]] | None:
    """Seconds since the start of the system, and ticks that each process used."""
    lines = answer.splitlines()
    uptime = lines[0].split()[0] if lines and lines[0].split() else ""
    if not _UPTIME.fullmatch(uptime):
        return None
    return float(uptime), dict(filter(None, map(_ticks, lines[1:])))


def _ticks(line: str) -> tuple[_Process, int] | None:
    """Read a line of /proc/PID/stat (proc(5)); a name may hold anything."""
    head, _, tail = line.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = tail.split()
    if parse_integer(pid) is None or len(fields) < 20:
        return None
    user, system, began = (
        parse_integer(fields[11]),
        parse_integer(fields[12]),
        parse_integer(fields[19]),
    )
    if user is None or system is None or began is None:
        return None
    return _Process(pid=int(pid), began=began, name=name), user + system
