"""Whether other processes keep this machine busy."""

import time

import psutil

from bench.errors import DeviceError

MAX_BUSY_CORES = 0.10  # of one core, by all other processes together
SAMPLE_S = 1.0


def check_quiet(sample_s: float = SAMPLE_S) -> None:
    """Watch for about a second; `DeviceError` names the busiest of other processes."""
    busy, name = others_busy(sample_s)
    if busy > MAX_BUSY_CORES:
        raise DeviceError(
            f"other processes use {busy:.0%} of a core (most: {name}), at most "
            f"{MAX_BUSY_CORES:.0%} is expected; stop them, or measure anyway with --force"
        )


def others_busy(sample_s: float = SAMPLE_S) -> tuple[float, str]:
    """Return the number of cores that others use, and the busiest process's name and number."""
    before, started = _seconds(), time.monotonic()
    time.sleep(sample_s)
    after, elapsed = _seconds(), time.monotonic() - started
    used = {process: seconds - before.get(process, seconds) for process, seconds in after.items()}
    if not used:
        return 0.0, "none"
    name, number = max(used, key=lambda process: used[process])
    return sum(used.values()) / elapsed, f"{name}, process {number}"


def _seconds() -> dict[tuple[str, int], float]:
    """Return the processor time of every process except this one and its children."""
    own = psutil.Process()
    own_pids = {own.pid, *(child.pid for child in own.children(recursive=True))}
    seconds = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if process.pid not in own_pids and times is not None:
            seconds[process.info["name"] or "?", process.pid] = times.user + times.system
    return seconds
