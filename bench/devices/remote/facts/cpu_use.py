"""CPU use of other processes on a device, from two readings of /proc a second apart."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.devices.remote.facts.shell_queries import answers, script
from bench.integers import parse_integer

TICKS_A_SECOND = 100  # USER_HZ, of /proc/PID/stat
SAMPLE_S = 1
_UPTIME = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
# The daemon that carries the query, and the programs of the query itself.
OURS = frozenset({"adbd", "sshd", "dropbear", "sh", "bash", "dash", "cat", "sleep", "mksh"})


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
    """Parse the output of `quiet_script`; None if the device does not report it."""
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
