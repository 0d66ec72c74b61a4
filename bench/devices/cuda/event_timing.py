"""Event timing: bursts timed by CUDA events, the GPU's half of `bench.timing.passes`.

Of a visit the first call finds the second-level cache flushed, the later ones find it as their own
model left it: what a call after another model's, and a call again, find on a processor. A call
shorter than marks can tell is repeated between two of them, in one graph where it is launched so.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.devices.cuda.driver import Driver, Mark
from bench.timing.passes import Watch

# CUDA's events tell about half a microsecond (cudaEventElapsedTime), so 1 % takes a hundred times
# as long, from one mark to the next.
LEAST_BETWEEN_MARKS_NS = 50_000.0
MOST_LOOPS = 256
FIRST_HOLD_NS = 60_000.0
MOST_HOLD_NS = 20_000_000.0
TRIAL_CALLS = 5

Queue = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A model's calls: `once` queues one, `looped` as many as `loops` says.

    `held`: the card is held until a whole visit is queued, so that no gap of the host's is timed.
    Only for calls that do not wait for the card. `keeps` is the model: a graph reads its weights
    and its input where they were, and does not keep them there by itself.
    """

    once: Queue
    looped: Queue
    loops: int
    held: bool
    keeps: Queue


def make_item(driver: Driver, call: Queue, *, recorded: bool) -> Item:
    """Find how often `call` is to be repeated, and record graphs of it where that is wanted.

    What is recorded is timed without the host's time, all else with it.
    """
    once = driver.record(call, 1) if recorded else call
    took_ns = trial_ns(driver, once)
    loops = min(MOST_LOOPS, max(1, math.ceil(LEAST_BETWEEN_MARKS_NS / max(took_ns, 1.0))))
    if loops == 1:
        return Item(once=once, looped=once, loops=1, held=recorded, keeps=call)
    if recorded:
        looped = driver.record(call, loops)
        return Item(once=once, looped=looped, loops=loops, held=True, keeps=call)

    def again() -> None:
        for _ in range(loops):
            call()

    return Item(once=once, looped=again, loops=loops, held=False, keeps=call)


def trial_ns(driver: Driver, call: Queue) -> float:
    """Roughly what a call takes on the card."""
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


class CudaVisits:
    """See `bench.timing.passes.BurstTimer`."""

    def __init__(  # noqa: PLR0913
        self,
        driver: Driver,
        items: Sequence[Item],
        calls: int,
        watch: Watch,
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
        self._late: set[int] = set()  # whose last visit was not queued in time

    def visit(self, item: int, into_ns: NDArray[np.float64]) -> bool:
        """See `bench.timing.passes.BurstTimer`; the card is looked at while it works."""
        driver, one = self._driver, self._items[item]
        self.watch.begin()
        with driver.at_work():
            marks = self._queue(item, into_ns.size)
            in_time = not one.held or not driver.reached(marks[0])
            self._look()
            driver.wait()
        for i in range(into_ns.size):
            took_ns = driver.between_ns(marks[i], marks[i + 1])
            into_ns[i] = took_ns / (one.loops if i else 1)
        if not in_time:  # gaps may be in it: hold longer, and visit again
            self._hold_ns[item] = min(2 * self._hold_ns[item], MOST_HOLD_NS)
            self._late.add(item)
            return False
        self._late.discard(item)
        return not self.watch.switched()

    def now_ns(self) -> int:
        """See `bench.timing.passes.BurstTimer`; the host's clock."""
        return self._clock_ns()

    def touch(self, item: int) -> None:
        """See `bench.timing.passes.BurstTimer`."""
        with self._driver.at_work():
            self._items[item].once()

    def mistimed(self, item: int) -> bool:
        """See `bench.timing.passes.BurstTimer`."""
        return item in self._late

    def _queue(self, item: int, calls: int) -> list[Mark]:
        driver, one = self._driver, self._items[item]
        driver.flush()
        if one.held:
            driver.hold(self._hold_ns[item])
        else:
            driver.wait()  # the host's time before each kernel is part of such a call
        marks = [driver.mark()]
        for i in range(calls):
            (one.looped if i else one.once)()
            marks.append(driver.mark())
        return marks
