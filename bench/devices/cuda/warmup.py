"""Warm-up: work until the GPU's clock and the latency of an inference are steady."""

import statistics
import time
from collections import deque
from collections.abc import Callable

from bench.devices.cuda.driver import Driver
from bench.devices.cuda.event_timing import Queue, trial_ns

ROUND_S = 0.05  # of work between two looks
LAST = 6  # rounds that must be alike
MOST_S = 10.0
ALIKE = 0.01  # of a call's time, from least to most of those rounds


def settle(
    driver: Driver,
    call: Queue,
    sm_mhz: Callable[[], int | None],
    clock_s: Callable[[], float] = time.monotonic,
) -> float:
    """Call until the last few times and clocks are alike; return the seconds that it took.

    A card that never settles is left after ten seconds: what it does in passes is seen there.
    """
    began_s = clock_s()
    times_ns: deque[float] = deque(maxlen=LAST)
    clocks: deque[int | None] = deque(maxlen=LAST)
    while clock_s() - began_s < MOST_S:
        times_ns.append(_round_ns(driver, call, clock_s))
        clocks.append(sm_mhz())
        alike = max(times_ns) <= (1 + ALIKE) * min(times_ns) and len(set(clocks)) == 1
        if len(times_ns) == LAST and alike:
            break
    return clock_s() - began_s


def _round_ns(driver: Driver, call: Queue, clock_s: Callable[[], float]) -> float:
    until_s = clock_s() + ROUND_S
    times_ns = [trial_ns(driver, call)]
    while clock_s() < until_s:
        times_ns.append(trial_ns(driver, call))
    return statistics.median(times_ns)
