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
# The daemon that carries the query, and the programs of the query itself.
OURS = frozenset({"adbd", "sh", "cat", "sleep", "mksh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUse:
    """CPU use of other processes, in cores, and the process that uses most."""

    cores: float
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """One process; number and start identify it, since kernel threads change their names."""

    pid: int
    began: int  # ticks after the system's start
    name: str = field(compare=False)


def quiet_script() -> str:
    """Return the shell script whose output `parse_busy` reads; it takes about a second."""
    reading = "cat /proc/uptime /proc/[0-9]*/stat"
    return script({"before": reading, "wait": f"sleep {SAMPLE_S}", "after": reading})


def parse_busy(text: str) -> CpuUse | None:
    """Parse the output of `quiet_script`; None if the phone does not report it."""
    by_name = answers(text)
    before, after = (_sample(by_name.get(name, "")) for name in ("before", "after"))
    if before is None or after is None or after[0] <= before[0]:
        return None
    seconds = after[0] - before[0]
    used = {process: ticks - before[1].get(process, 0) for process, ticks in after[1].items()}
    used = {
        process: ticks for process, ticks in used.items() if ticks > 0 and process.name not in OURS
    }
    if not used:
        return CpuUse(cores=0.0, most="none")
    busiest = max(used, key=lambda process: used[process])
    cores = sum(used.values()) / TICKS_A_SECOND / seconds
    return CpuUse(cores=cores, most=f"{busiest.name}, process {busiest.pid}")


def check_fit(state: PhoneState, busy: CpuUse | None) -> None:
    """Raise `DeviceError` with everything that prevents measuring now."""
    problems = []
    if busy is not None and busy.cores > MAX_BUSY_CORES:
        problems.append(
            f"other processes use {busy.cores:.0%} of a core (most: {busy.most}), at most "
            f"{MAX_BUSY_CORES:.0%} is expected: close apps"
        )
    if state.battery_level is not None and state.battery_level < LEAST_BATTERY:
        problems.append(
            f"its battery is at {state.battery_level} %: charge it to {LEAST_BATTERY} %"
        )
    if state.power_save:
        problems.append("battery saver is on: turn it off")
    if state.thermal_status is not None and state.thermal_status >= THROTTLING:
        problems.append(f"it is hot (thermal status {THERMAL_STATES[state.thermal_status]}): wait")
    elif state.temperature_c is not None and state.temperature_c > MAX_CPU_C:
        problems.append(f"it is hot ({state.temperature_c:.0f} C, over {MAX_CPU_C:.0f}): wait")
    if problems:
        raise DeviceError(
            f"the phone cannot be measured now: {'; '.join(problems)}; or use --force"
        )


def _sample(answer: str) -> tuple[float, Mapping[_Process, int]] | None:
    """Return the seconds since the system's start, and the ticks that each process used."""
    lines = answer.splitlines()
    uptime = lines[0].split()[0] if lines and lines[0].split() else ""
    if not _UPTIME.fullmatch(uptime):
        return None
    return float(uptime), dict(filter(None, map(_ticks, lines[1:])))


def _ticks(line: str) -> tuple[_Process, int] | None:
    """Parse a line of /proc/PID/stat (proc(5)); a name may contain any characters."""
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
