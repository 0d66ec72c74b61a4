"""Random interleaving: every workload once a round, each round in a new random order.

An inference that is repeated alone finds its weights in the nearest cache, and its figure keeps the
drift of that minute. Random rounds spread both evenly over all workloads; drift, which
changes all of them together, is estimated by `bench.timing.drift`.
"""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.device import Facts, ReplicatePlan, RoundResult

RETAKE_ROUNDS = 3
# Of a round's time for repeating bursts, after which no further repetition begins.
RETAKE_SHARE = 0.5


class DisturbanceMonitor(Protocol):
    """Detects whether what was just timed was disturbed from outside."""

    def reset(self) -> None:
        """Forget all disturbances before now."""
        ...

    def begin(self) -> None:
        """Begin a burst: forget earlier context switches."""
        ...

    def preempted(self) -> bool:
        """Return whether the work was preempted since `begin`."""
        ...

    def stolen(self, *, last: bool = False) -> bool | None:
        """Return whether time was stolen since the last answer; None if unknown yet."""
        ...


class NoMonitor:
    """A monitor for clocks that nothing disturbs."""

    def reset(self) -> None:
        pass

    def begin(self) -> None:
        pass

    def preempted(self) -> bool:
        return False

    def stolen(self, *, last: bool = False) -> bool | None:
        del last
        return False


class BurstTimer(Protocol):
    """Runs and times bursts, by the host's clock or that of an accelerator."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of workloads, and of samples per burst."""
        ...

    @property
    def watch(self) -> DisturbanceMonitor:
        """Return the monitor of disturbances."""
        ...

    def time_burst(self, item: int, into_ns: NDArray[np.float64]) -> bool:
        """Time one burst into `into_ns`; return True if nothing disturbed it."""
        ...

    def now_ns(self) -> int:
        """Return the time by a clock that continues while bursts run."""
        ...

    def run_untimed(self, item: int) -> None:
        """Run an inference untimed, to put another model's data into the caches."""
        ...

    def mistimed(self, item: int) -> bool:
        """Return whether the last burst's samples include gaps in a queue, not only inference."""
        ...


def check_plan(plan: ReplicatePlan) -> None:
    """Raise `InputError` for a plan that measures nothing."""
    if plan.rounds < 1 or plan.samples < 1:
        got = f"{plan.rounds} and {plan.samples}"
        raise InputError(f"rounds and samples must be at least 1, got {got}")


def run_rounds(
    visits: BurstTimer, plan: ReplicatePlan, facts: Callable[[], Facts] = dict
) -> Iterator[RoundResult]:
    """Yield each round as it ends, with `facts` read after it. The iterator may be closed early."""
    rng = np.random.default_rng(plan.seed)
    gc.collect()  # garbage of creating the models
    for _ in range(plan.rounds):
        with collector_off():
            result, disturbed = _one_round(visits, rng)
        yield replace(result, facts={**facts(), "disturbed_visits_kept": disturbed})


@contextmanager
def collector_off() -> Iterator[None]:
    """Disable garbage collection during the block."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _one_round(visits: BurstTimer, rng: np.random.Generator) -> tuple[RoundResult, int]:
    """Return a round without facts, and how many of the bursts that count were disturbed.

    A disturbed burst is repeated after all others, not at once: its first sample must find the
    caches as another model left them.
    """
    samples_ns = np.empty(visits.shape)
    disturbed_ns = [np.empty((0, visits.shape[1]))]
    order: list[int] = []
    pending = rng.permutation(visits.shape[0])
    began_ns, limit_ns = visits.now_ns(), math.inf
    for repetition in range(1 + RETAKE_ROUNDS):
        if order and order[-1] == pending[0] and visits.shape[0] > 1:
            visits.run_untimed((order[-1] + 1) % visits.shape[0])
        disturbed = _round(visits, pending, samples_ns)
        order += pending.tolist()
        elapsed_ns = visits.now_ns() - began_ns
        limit_ns = min(limit_ns, (1 + RETAKE_SHARE) * elapsed_ns)
        if not disturbed or elapsed_ns > limit_ns:
            break
        if repetition < RETAKE_ROUNDS:
            disturbed_ns.append(_dropped(visits, pending, disturbed, samples_ns))
        pending = rng.permutation(sorted(disturbed))
    result = RoundResult(
        samples_ns=samples_ns,
        order=np.array(order, dtype=np.int64),
        repeated_bursts=len(order) - visits.shape[0],
        disturbed_ns=np.concatenate(disturbed_ns),
    )
    return result, len(disturbed)


def _dropped(
    visits: BurstTimer,
    order: NDArray[np.int64],
    disturbed: set[int],
    samples_ns: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the samples of the disturbed bursts that are repeated, in their order."""
    places = [item for item in order.tolist() if item in disturbed]
    disturbed_ns = samples_ns[places].copy()
    disturbed_ns[[visits.mistimed(item) for item in places]] = np.nan
    return disturbed_ns


def _round(
    visits: BurstTimer, pending: NDArray[np.int64], samples_ns: NDArray[np.float64]
) -> set[int]:
    """Time all pending bursts; return the disturbed ones.

    Stolen time is reported only once a clock tick, so it counts against all bursts since the last
    report without stolen time.
    """
    disturbed: set[int] = set()
    unsure: list[int] = []
    visits.watch.reset()
    for place, item in enumerate(pending.tolist(), start=1):
        if not visits.time_burst(item, samples_ns[item]):
            disturbed.add(item)
        unsure.append(item)
        stolen = visits.watch.stolen(last=place == len(pending))
        if stolen:
            disturbed.update(unsure)
        if stolen is not None:
            unsure.clear()
    return disturbed
