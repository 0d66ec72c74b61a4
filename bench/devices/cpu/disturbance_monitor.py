"""Disturbances of a timed inference on Linux: preemption, and a core that the hypervisor takes."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

TICK_NS = 10_000_000  # /proc/stat counts in hundredths of a second; reading it oftener is useless
PROC_STAT = Path("/proc/stat")


class LinuxWatch:
    """Counts involuntary context switches, and time stolen from the cores in use.

    Of one thread when the work is done in the calling one, of the whole process otherwise.
    Elsewhere than on Linux it knows what the system tells: `stolen` is always False.
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
        self._asked_ns = time.monotonic_ns()
        self.begin()

    def begin(self) -> None:
        self._switches = self._switches_now()

    def switched(self) -> bool:
        return self._switches_now() != self._switches

    def stolen(self, *, last: bool = False) -> bool | None:
        now_ns = time.monotonic_ns()
        if now_ns - self._asked_ns < TICK_NS and not last:
            return None
        self._asked_ns = now_ns
        before, self._ticks = self._ticks, self._ticks_now()
        return self._ticks != before

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stat is not None:
            os.close(self._stat)
            self._stat = None

    def _ticks_now(self) -> int:
        if self._stat is None:
            return 0
        return stolen_ticks(os.pread(self._stat, 1 << 16, 0).decode(), self._cores)


def stolen_ticks(stat: str, cores: frozenset[int]) -> int:
    """Sum of the `steal` column of /proc/stat over `cores`; of all where it is empty."""
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
    except ImportError:  # Windows does not tell
        return lambda: 0
    who = resource.RUSAGE_SELF
    if not whole_process:
        who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return lambda: resource.getrusage(who).ru_nivcsw
