"""Warm-up: work until the GPU's clock and the latency of an inference are steady."""

import statistics
import time
from collections import deque
from collections.abc import Callable

from bench.devices.cuda.driver import Driver
from bench.devices.cuda.event_timing import Queue, trial_ns

ROUND_S = 0.05  # time of work between two readings
LAST = 6  # readings that must be similar
MOST_S = 10.0
ALIKE = 0.01  # largest relative difference of these readings


def settle(
    driver: Driver,
    call: Queue,
    sm_mhz: Callable[[], int | None],
    clock_s: Callable[[], float] = time.monotonic,
) -> float:
    """Run inferences until the last times and clocks are similar; return the seconds it took.

    A GPU that does not become steady is measured after ten seconds: its rounds show it.
    """
    began_s = clock_s()
    times_ns: deque[float] = deque(maxlen=LAST)
    clocks: deque[int | None] = deque(maxlen=LAST)
    while clock_s() - began_s < MOST_S:
        times_ns.append(_round_ns(driver, call, clock_s))
        clocks.append(sm_mhz())
        steady = max(times_ns) <= (1 + ALIKE) * min(times_ns) and len(set(clocks)) == 1
        if len(times_ns) == LAST and steady:
            break
    return clock_s() - began_s


def _round_ns(driver: Driver, call: Queue, clock_s: Callable[[], float]) -> float:
    until_s = clock_s() + ROUND_S
    times_ns = [trial_ns(driver, call)]
    while clock_s() < until_s:
        times_ns.append(trial_ns(driver, call))
    return statistics.median(times_ns)
