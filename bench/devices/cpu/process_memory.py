"""Resident memory of this process: now, and at most since its peak was reset (Linux)."""

import ctypes
import gc
from dataclasses import dataclass
from pathlib import Path

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(slots=True)
class MemoryPeak:
    """Growth of resident memory since `reset`."""

    before_bytes: int | None = None

    def reset(self) -> None:
        """Let the peak count from now on, where the system can."""
        self.before_bytes = None
        try:
            CLEAR_REFS.write_text("5")
        except OSError:
            return
        self.before_bytes = _status_bytes("VmRSS")

    def growth_bytes(self) -> int | None:
        """Return the most resident memory beyond what there was at `reset`; None if unknown."""
        peak_bytes = _status_bytes("VmHWM")
        if peak_bytes is None or self.before_bytes is None:
            return None
        return max(peak_bytes - self.before_bytes, 0)


def return_freed_memory() -> None:
    """Return freed memory to the system, so that the next model's memory shows as growth."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library
    if trim is not None:
        trim(0)


def _status_bytes(name: str) -> int | None:
    """Return a field of this process's status in bytes; None where there is none."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
