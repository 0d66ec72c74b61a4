"""Bursts timed by the host's clock, for models that run on this machine's CPU."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Facts, LoadPlan, PassResult
from bench.timing.passes import NoWatch, Watch, check_plan, run_passes

Call = Callable[[], object]

MAX_DISTORTION = 0.01  # of a call's time by reading the clock; above it, the call is looped
CLOCK_READINGS = 201


def time_passes(
    calls: Sequence[Call],
    plan: LoadPlan,
    *,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    watch: Watch | None = None,
    facts: Callable[[], Facts] = dict,
) -> Iterator[PassResult]:
    """Visit every call once a pass by `plan`, timed by the host's clock; see `run_passes`.

    Every call is made once before the first pass, untimed, so that lazy set-up is behind it.
    """
    check_plan(plan)
    yield from run_passes(HostVisits(calls, plan.calls, clock_ns, watch or NoWatch()), plan, facts)


def clock_cost_ns(clock_ns: Callable[[], int]) -> float:
    """What a timed stretch gains from being timed: the median of readings back to back."""
    readings = [clock_ns() for _ in range(CLOCK_READINGS)]
    return statistics.median(b - a for a, b in pairwise(readings))


class HostVisits:
    """Visits by a clock of the host: a few calls in a row, each timed, short ones looped."""

    def __init__(
        self, calls: Sequence[Call], calls_a_visit: int, clock_ns: Callable[[], int], watch: Watch
    ) -> None:
        self._calls = calls
        self._clock_ns = clock_ns
        self.watch = watch
        self.shape = (len(calls), calls_a_visit)
        self._loops = self._loops_needed()

    def visit(self, item: int, into_ns: NDArray[np.float64]) -> bool:
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
        return not self.watch.switched()

    def now_ns(self) -> int:
        """See `BurstTimer`; visits are timed with it."""
        return self._clock_ns()

    def touch(self, item: int) -> None:
        """See `BurstTimer`."""
        self._calls[item]()

    def mistimed(self, item: int) -> bool:
        """See `BurstTimer`: whatever the clock saw, the call took."""
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
