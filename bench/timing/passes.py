"""Random interleaving: every workload once a round, each round in a new order.

A call repeated by itself finds its weights in the nearest cache, and its figure keeps whatever
level the machine had in that minute. Shuffled passes lay both over all calls alike; what moves
all of them together is estimated by `bench.timing.drift`.
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
from bench.protocol.device import Facts, LoadPlan, PassResult

RETAKE_ROUNDS = 3
RETAKE_SHARE = 0.5  # of a pass's time spent on retaking, after which no further round begins


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


class BurstTimer(Protocol):
    """Makes and times visits, by the host's clock or by that of an accelerator."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many workloads there are, and calls a visit."""
        ...

    @property
    def watch(self) -> Watch:
        """Tells what disturbed them."""
        ...

    def visit(self, item: int, into_ns: NDArray[np.float64]) -> bool:
        """Time one visit into `into_ns`; True when nothing disturbed it."""
        ...

    def now_ns(self) -> int:
        """Time by a clock that goes on while visits are made."""
        ...

    def touch(self, item: int) -> None:
        """Call untimed, to put another model's data into the caches."""
        ...

    def mistimed(self, item: int) -> bool:
        """Whether the last visit's samples hold what no inference took, as gaps in a queue."""
        ...


def check_plan(plan: LoadPlan) -> None:
    """Raise `InputError` for a plan that measures nothing."""
    if plan.passes < 1 or plan.calls < 1:
        got = f"{plan.passes} and {plan.calls}"
        raise InputError(f"rounds and samples must be at least 1, got {got}")


def run_passes(
    visits: BurstTimer, plan: LoadPlan, facts: Callable[[], Facts] = dict
) -> Iterator[PassResult]:
    """Yield each pass as it ends; `facts` is asked after it. Closing the iterator early is fine."""
    rng = np.random.default_rng(plan.seed)
    gc.collect()  # what making the models left behind
    for _ in range(plan.passes):
        with collector_off():
            taken, kept = _one_pass(visits, rng)
        yield replace(taken, facts={**facts(), "disturbed_visits_kept": kept})


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


def _one_pass(visits: BurstTimer, rng: np.random.Generator) -> tuple[PassResult, int]:
    """A pass without facts, and how many of the visits that count were disturbed.

    A disturbed visit is taken again after all others, not at once: its first call must find the
    caches as another model left them.
    """
    samples_ns = np.empty(visits.shape)
    dropped_ns = [np.empty((0, visits.shape[1]))]
    order: list[int] = []
    pending = rng.permutation(visits.shape[0])
    began_ns, most_ns = visits.now_ns(), math.inf
    for number in range(1 + RETAKE_ROUNDS):
        if order and order[-1] == pending[0] and visits.shape[0] > 1:
            visits.touch((order[-1] + 1) % visits.shape[0])
        bad = _round(visits, pending, samples_ns)
        order += pending.tolist()
        spent_ns = visits.now_ns() - began_ns
        most_ns = min(most_ns, (1 + RETAKE_SHARE) * spent_ns)
        if not bad or spent_ns > most_ns:
            break
        if number < RETAKE_ROUNDS:
            dropped_ns.append(_dropped(visits, pending, bad, samples_ns))
        pending = rng.permutation(sorted(bad))
    taken = PassResult(
        samples_ns=samples_ns,
        order=np.array(order, dtype=np.int64),
        retaken=len(order) - visits.shape[0],
        dropped_ns=np.concatenate(dropped_ns),
    )
    return taken, len(bad)


def _dropped(
    visits: BurstTimer, taken: NDArray[np.int64], bad: set[int], samples_ns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Samples of the visits of a round that are taken again, in their order."""
    places = [item for item in taken.tolist() if item in bad]
    found = samples_ns[places].copy()
    found[[visits.mistimed(item) for item in places]] = np.nan
    return found


def _round(
    visits: BurstTimer, pending: NDArray[np.int64], samples_ns: NDArray[np.float64]
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
