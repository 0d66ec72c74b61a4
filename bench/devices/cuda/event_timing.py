"""Event timing: bursts timed by CUDA events, the GPU's counterpart of the host's timer.

The first sample of a burst finds the second-level cache flushed, the later ones find it as the same
model left it; on a processor, the first inference after another model's and repeated inferences
find the same. An inference too short for the resolution of events is repeated between two of them,
in one graph if graphs are used.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.devices.cuda.driver import Driver, Mark
from bench.timing.interleaving import DisturbanceMonitor

# CUDA's events resolve about half a microsecond (cudaEventElapsedTime), so an error of 1 % needs a
# hundred times as long between two events.
LEAST_BETWEEN_MARKS_NS = 50_000.0
MOST_LOOPS = 256
FIRST_HOLD_NS = 60_000.0
MOST_HOLD_NS = 20_000_000.0
TRIAL_CALLS = 5

Queue = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedModel:
    """A model's launches: `once` queues one inference, `looped` as many as `loops`.

    `held`: the GPU is delayed until a whole burst is queued, so that no gap of the host is timed.
    Only for launches that do not wait for the GPU. `keeps` is the model: a graph reads its weights
    and input in place, and does not keep them alive itself.
    """

    once: Queue
    looped: Queue
    loops: int
    held: bool
    keeps: Queue


def make_item(driver: Driver, call: Queue, *, recorded: bool) -> TimedModel:
    """Find the number of repetitions of `call`, and record graphs of it if wanted.

    Recorded launches are timed without the host's time, all others with it.
    """
    once = driver.record(call, 1) if recorded else call
    took_ns = trial_ns(driver, once)
    loops = min(MOST_LOOPS, max(1, math.ceil(LEAST_BETWEEN_MARKS_NS / max(took_ns, 1.0))))
    if loops == 1:
        return TimedModel(once=once, looped=once, loops=1, held=recorded, keeps=call)
    if recorded:
        looped = driver.record(call, loops)
        return TimedModel(once=once, looped=looped, loops=loops, held=True, keeps=call)

    def repeated() -> None:
        for _ in range(loops):
            call()

    return TimedModel(once=once, looped=repeated, loops=loops, held=False, keeps=call)


def trial_ns(driver: Driver, call: Queue) -> float:
    """Return the approximate time of a call on the GPU."""
    with driver.at_work():
        call()
        driver.hold(FIRST_HOLD_NS)
        marks = [driver.mark()]
        for _ in range(TRIAL_CALLS):
            call()
            marks.append(driver.mark())
    driver.wait()
    took_ns = [driver.between_ns(first, last) for first, last in pairwise(marks)]
    return float(np.median(took_ns))


class EventTimer:
    """Timer of bursts by CUDA events; see `bench.timing.interleaving.BurstTimer`."""

    def __init__(  # noqa: PLR0913
        self,
        driver: Driver,
        items: Sequence[TimedModel],
        calls: int,
        watch: DisturbanceMonitor,
        *,
        look: Callable[[], None],
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._driver = driver
        self._items = items
        self.watch = watch
        self.shape = (len(items), calls)
        self._look = look
        self._clock_ns = clock_ns
        self._hold_ns = [FIRST_HOLD_NS] * len(items)
        self._late: set[int] = set()  # items whose last burst was not queued in time

    def time_burst(self, item: int, into_ns: NDArray[np.float64]) -> bool:
        """See `bench.timing.interleaving.BurstTimer`; the GPU's state is read while it works."""
        driver, model = self._driver, self._items[item]
        self.watch.begin()
        with driver.at_work():
            marks = self._queue(item, into_ns.size)
            in_time = not model.held or not driver.reached(marks[0])
            self._look()
            driver.wait()
        for i in range(into_ns.size):
            took_ns = driver.between_ns(marks[i], marks[i + 1])
            into_ns[i] = took_ns / (model.loops if i else 1)
        if not in_time:  # it may contain gaps: delay longer, and repeat the burst
            self._hold_ns[item] = min(2 * self._hold_ns[item], MOST_HOLD_NS)
            self._late.add(item)
            return False
        self._late.discard(item)
        return not self.watch.preempted()

    def now_ns(self) -> int:
        """See `bench.timing.interleaving.BurstTimer`; the host's clock."""
        return self._clock_ns()

    def run_untimed(self, item: int) -> None:
        """See `bench.timing.interleaving.BurstTimer`."""
        with self._driver.at_work():
            self._items[item].once()

    def mistimed(self, item: int) -> bool:
        """See `bench.timing.interleaving.BurstTimer`."""
        return item in self._late

    def _queue(self, item: int, samples: int) -> list[Mark]:
        driver, model = self._driver, self._items[item]
        driver.flush()
        if model.held:
            driver.hold(self._hold_ns[item])
        else:
            driver.wait()  # the host's time before each kernel is part of such a call
        marks = [driver.mark()]
        for i in range(samples):
            (model.looped if i else model.once)()
            marks.append(driver.mark())
        return marks
