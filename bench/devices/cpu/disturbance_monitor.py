"""Disturbances of a timed inference on Linux: preemption, and CPU time stolen by a hypervisor."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from bench.closing import Closing

# /proc/stat counts in hundredths of a second; more frequent reading is useless.
TICK_NS = 10_000_000
PROC_STAT = Path("/proc/stat")


class LinuxMonitor(Closing):
    """Counts involuntary context switches, and time stolen from the cores in use.

    Switches are of one thread if the calling thread does the work, else of the whole process. On
    other systems than Linux `stolen` is always False.
    """

    def __init__(
        self, cores: frozenset[int], *, whole_process: bool, stat: Path = PROC_STAT
    ) -> None:
        self._cores = cores
        self._stat = os.open(stat, os.O_RDONLY) if stat.exists() else None
        self._switches_now = _switch_counter(whole_process)
        self.reset()

    def reset(self) -> None:
        self._ticks = self._ticks_now()
        self._read_ns = time.monotonic_ns()
        self.begin()

    def begin(self) -> None:
        self._switches = self._switches_now()

    def preempted(self) -> bool:
        return self._switches_now() != self._switches

    def stolen(self, *, last: bool = False) -> bool | None:
        now_ns = time.monotonic_ns()
        if now_ns - self._read_ns < TICK_NS and not last:
            return None
        self._read_ns = now_ns
        before, self._ticks = self._ticks, self._ticks_now()
        return self._ticks != before

    def close(self) -> None:
        """Close /proc/stat, if it is open."""
        if self._stat is not None:
            os.close(self._stat)
            self._stat = None

    def _ticks_now(self) -> int:
        if self._stat is None:
            return 0
        return stolen_ticks(os.pread(self._stat, 1 << 16, 0).decode(), self._cores)


def stolen_ticks(stat: str, cores: frozenset[int]) -> int:
    """Return the sum of the `steal` column of /proc/stat over `cores`; over all if it is empty."""
    total = 0
    for line in stat.splitlines():
        name, _, rest = line.partition(" ")
        if not name.startswith("cpu"):
            break
        if name == "cpu" or (cores and int(name[3:]) not in cores):
            continue
        columns = rest.split()
        total += int(columns[7]) if len(columns) > 7 else 0
    return total


def _switch_counter(whole_process: bool) -> Callable[[], int]:
    try:
        import resource
    except ImportError:  # Windows does not report it
        return lambda: 0
    who = resource.RUSAGE_SELF
    if not whole_process:
        who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return lambda: resource.getrusage(who).ru_nivcsw
