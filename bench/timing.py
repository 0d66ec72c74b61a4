"""Time many calls the way a network meets them: each once a pass, every pass in a new order.

A call repeated by itself finds its weights in the nearest cache, and its figure keeps whatever
level the machine had in that minute. Shuffled passes lay both over all calls alike; what moves
all of them together is told apart in `bench.levels`.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.devices.base import Facts, LoadPlan, PassResult
from bench.errors import InputError

Call = Callable[[], object]

MAX_DISTORTION = 0.01  # of a call's time by reading the clock; above it, the call is looped
RETAKE_ROUNDS = 3
RETAKE_SHARE = 0.5  # of a pass's time spent on retaking, after which no further round begins
CLOCK_READINGS = 201


class Watch(Protocol):
    """Knows whether what was just timed was disturbed from outside."""

    def reset(self) -> None:
        """Forget all that happened before now."""
        ...

    def begin(self) -> None:
        """A visit begins: forget earlier switches."""
        ...

    def switched(self) -> bool:
        """Whether the work was switched out since `begin`."""
        ...

    def stolen(self, *, last: bool = False) -> bool | None:
        """Whether time was stolen since last told; None where, unless `last`, it is too soon."""
        ...


class NoWatch:
    """Sees nothing; for clocks that nothing disturbs."""

    def reset(self) -> None:
        pass

    def begin(self) -> None:
        pass

    def switched(self) -> bool:
        return False

    def stolen(self, *, last: bool = False) -> bool | None:
        del last
        return False


def time_passes(
    calls: Sequence[Call],
    plan: LoadPlan,
    *,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    watch: Watch | None = None,
    facts: Callable[[], Facts] = dict,
) -> Iterator[PassResult]:
    """Visit every call once a pass by `plan`; yield each pass as it ends.

    Every call is made once before the first pass, untimed, so that lazy set-up is behind it.
    `facts` is asked after each pass. Closing the iterator early is fine.
    """
    if plan.passes < 1 or plan.calls < 1:
        got = f"{plan.passes} and {plan.calls}"
        raise InputError(f"passes and calls must be at least 1, got {got}")
    rng = np.random.default_rng(plan.seed)
    watch = watch or NoWatch()
    visits = _Visits(calls, plan.calls, clock_ns, watch)
    gc.collect()  # what making the models left behind
    for _ in range(plan.passes):
        with collector_off():
            samples_ns, order, retaken, kept = _one_pass(visits, rng)
        now = {**facts(), "disturbed_visits_kept": kept}
        yield PassResult(samples_ns=samples_ns, order=order, retaken=retaken, facts=now)


def clock_cost_ns(clock_ns: Callable[[], int]) -> float:
    """What a timed stretch gains from being timed: the median of readings back to back."""
    readings = [clock_ns() for _ in range(CLOCK_READINGS)]
    return statistics.median(b - a for a, b in pairwise(readings))


@contextmanager
def collector_off() -> Iterator[None]:
    """Let nothing be collected within."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Visits:
    """Makes visits: a few calls in a row, each timed, short ones looped."""

    def __init__(
        self, calls: Sequence[Call], calls_a_visit: int, clock_ns: Callable[[], int], watch: Watch
    ) -> None:
        self._calls = calls
        self._clock_ns = clock_ns
        self.watch = watch
        self.shape = (len(calls), calls_a_visit)
        self._loops = self._loops_needed()

    def visit(self, item: int, into_ns: NDArray[np.float64]) -> bool:
        """Time one visit into `into_ns`; True when nothing disturbed it."""
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
        """Time by the clock that visits are timed with."""
        return self._clock_ns()

    def touch(self, item: int) -> None:
        """Call untimed, to put another model's data into the caches."""
        self._calls[item]()

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


def _one_pass(
    visits: _Visits, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], int, int]:
    """Samples, the order of all visits, how many were retakes, and disturbed ones that remain.

    A disturbed visit is taken again after all others, not at once: its first call must find the
    caches as another model left them.
    """
    samples_ns = np.empty(visits.shape)
    order: list[int] = []
    pending = rng.permutation(visits.shape[0])
    began_ns, most_ns = visits.now_ns(), math.inf
    for _ in range(1 + RETAKE_ROUNDS):
        if order and order[-1] == pending[0] and visits.shape[0] > 1:
            visits.touch((order[-1] + 1) % visits.shape[0])
        bad = _round(visits, pending, samples_ns)
        order += pending.tolist()
        spent_ns = visits.now_ns() - began_ns
        most_ns = min(most_ns, (1 + RETAKE_SHARE) * spent_ns)
        if not bad or spent_ns > most_ns:
            break
        pending = rng.permutation(sorted(bad))
    retaken = len(order) - visits.shape[0]
    return samples_ns, np.array(order, dtype=np.int64), retaken, len(bad)


def _round(
    visits: _Visits, pending: NDArray[np.int64], samples_ns: NDArray[np.float64]
) -> set[int]:
    """Visit all that is pending; return what was disturbed.

    The hypervisor's theft is told only every clock tick, so it condemns all visits since it was
    last known not to steal.
    """
    bad: set[int] = set()
    unsure: list[int] = []
    visits.watch.reset()
    for place, item in enumerate(pending.tolist(), start=1):
        if not visits.visit(item, samples_ns[item]):
            bad.add(item)
        unsure.append(item)
        stolen = visits.watch.stolen(last=place == len(pending))
        if stolen:
            bad.update(unsure)
        if stolen is not None:
            unsure.clear()
    return bad
