"""Timing of bursts by the host's clock, for models that run on this machine's CPU."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Facts, ReplicatePlan, RoundResult
from bench.timing.interleaving import DisturbanceMonitor, NoMonitor, check_plan, run_rounds

Call = Callable[[], object]

# Share of an inference's time for reading the clock; above it, inferences are looped.
MAX_DISTORTION = 0.01
CLOCK_READINGS = 201


def time_rounds(
    calls: Sequence[Call],
    plan: ReplicatePlan,
    *,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    watch: DisturbanceMonitor | None = None,
    facts: Callable[[], Facts] = dict,
) -> Iterator[RoundResult]:
    """Yield the rounds of `plan`, timed by the host's clock; see `run_rounds`.

    Every model runs once before the first round, untimed, so that lazy initialisation is finished.
    """
    check_plan(plan)
    yield from run_rounds(
        HostTimer(calls, plan.samples, clock_ns, watch or NoMonitor()), plan, facts
    )


def clock_cost_ns(clock_ns: Callable[[], int]) -> float:
    """Return what timing adds to an interval: the median difference of consecutive readings."""
    readings = [clock_ns() for _ in range(CLOCK_READINGS)]
    return statistics.median(b - a for a, b in pairwise(readings))


class HostTimer:
    """Times bursts by a clock of the host: a few inferences in a row, short ones looped."""

    def __init__(
        self,
        calls: Sequence[Call],
        samples_per_burst: int,
        clock_ns: Callable[[], int],
        watch: DisturbanceMonitor,
    ) -> None:
        self._calls = calls
        self._clock_ns = clock_ns
        self.watch = watch
        self.shape = (len(calls), samples_per_burst)
        self._loops = self._loops_needed()

    def time_burst(self, item: int, into_ns: NDArray[np.float64]) -> bool:
        """See `BurstTimer`."""
        call, clock_ns, loops = self._calls[item], self._clock_ns, self._loops[item]
        self.watch.begin()
        for i in range(into_ns.size):
            start_ns = clock_ns()
            if loops == 1:
                call()
            else:
                for _ in range(loops):
                    call()
            into_ns[i] = (clock_ns() - start_ns) / loops
        return not self.watch.preempted()

    def now_ns(self) -> int:
        """See `BurstTimer`; bursts are timed with this clock."""
        return self._clock_ns()

    def run_untimed(self, item: int) -> None:
        """See `BurstTimer`."""
        self._calls[item]()

    def mistimed(self, item: int) -> bool:
        """See `BurstTimer`: the host's clock measures what the inference took."""
        del item
        return False

    def _loops_needed(self) -> list[int]:
        for call in self._calls:
            call()
        least_ns = clock_cost_ns(self._clock_ns) / MAX_DISTORTION
        loops = []
        for call in self._calls:
            start_ns = self._clock_ns()
            call()
            took_ns = max(1, self._clock_ns() - start_ns)
            loops.append(max(1, math.ceil(least_ns / took_ns)))
        return loops
