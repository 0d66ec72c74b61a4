"""Seconds that measuring a workload takes, from the measurements so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.protocol.device import LoadCosts, Workload
from bench.sweep.elapsed import Spent
from bench.sweep.memory_batching import estimated_ns
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan
from latency_models.regression.features import feature_matrix
from latency_models.regression.regression import fit_pooled

Floats = NDArray[np.float64]

OVERHEAD = 1.1  # wall time over the time of timed calls
LOAD_S, LOAD_BLOCK_S = 0.006, 0.006  # to make a model and load it, and more for each block
ONE_CALL = SweepPlan(loads=1, passes=1, calls=1)
MOST_BESIDE = 1.2  # planning before the second round is much of the first, and little of all


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepBudget:
    """How long a sweep may take, and what time goes by."""

    budget_s: float
    plan: SweepPlan
    batch: int
    costs: LoadCosts


class MeasuringTimes:
    """Seconds by workload, as what is `done` says; `spent` is what that took, None if unknown.

    A call takes what it took where it was measured, else what the measured blocks say of it, else
    what the device's rough costs say. What passes take beside timed samples (visits that are taken
    again) and what making models takes are as they were so far, and so is planning between rounds.
    """

    def __init__(
        self,
        budget: SweepBudget,
        specs: Sequence[BlockSpec],
        done: Sequence[Measurement],
        spent: Spent | None = None,
    ) -> None:
        self._budget = budget
        self._known_ms = {one.workload: one.median_ms for one in done}
        self.costs_ms = _costs_ms(specs, done, budget)
        self._block_ms = dict(zip(specs, self.costs_ms.tolist(), strict=True))
        self._timed, self._making = OVERHEAD, 1.0
        self.spent_s = sum(_own_s(one) for one in done)
        if spent is not None:
            self.spent_s = spent.wall_s
            timed_s = sum(_loads(one, budget) * self._timed_s(one.workload) for one in done)
            made_s = sum(_loads(one, budget) * _load_s(one.workload) for one in done)
            beside = spent.wall_s / (spent.passes_s + spent.making_s)
            self._timed = min(beside, MOST_BESIDE) * spent.passes_s / timed_s
            self._making = min(beside, MOST_BESIDE) * spent.making_s / made_s

    def of(self, work: Sequence[Workload]) -> Floats:
        """Seconds that each workload takes in all loads of a round."""
        loads = self._budget.plan.loads
        prices_s = [
            loads * (self._timed * self._timed_s(one) + self._making * _load_s(one)) for one in work
        ]
        return np.array(prices_s, dtype=np.float64)

    def _timed_s(self, one: Workload) -> float:
        """Of timed samples, in one load."""
        plan = self._budget.plan
        return plan.passes * plan.calls * self._call_ms(one) / 1000

    def _call_ms(self, one: Workload) -> float:
        if one in self._known_ms:
            return float(self._known_ms[one])
        if all(block in self._block_ms for block in one.blocks):
            return float(sum(self._block_ms[block] for block in one.blocks))
        return estimated_ns(one, ONE_CALL, self._budget.batch, self._budget.costs) / 1e6


def _costs_ms(
    specs: Sequence[BlockSpec], done: Sequence[Measurement], budget: SweepBudget
) -> Floats:
    """Roughly what each block takes: from what is measured, else from the device's costs."""
    pairs = [
        (one.workload.blocks[0], one.median_ms) for one in done if one.workload.role == "block"
    ]
    if not pairs:
        work = [Workload(role="block", blocks=(spec,)) for spec in specs]
        ns = [estimated_ns(one, ONE_CALL, budget.batch, budget.costs) for one in work]
        return np.array(ns) / 1e6
    model = fit_pooled(
        feature_matrix([spec for spec, _ in pairs]), np.array([ms for _, ms in pairs])
    )
    return model.predict(feature_matrix(specs))


def _own_s(one: Measurement) -> float:
    """What a measured workload took, as far as its samples say it."""
    return OVERHEAD * float(one.samples_ns.sum()) / 1e9 + one.loads * _load_s(one.workload)


def _loads(one: Measurement, budget: SweepBudget) -> float:
    """In how many loads of the plan it was measured; a reference has several visits a pass."""
    plan = budget.plan
    return float(one.samples_ns.size) / (plan.passes * plan.calls)


def _load_s(workload: Workload) -> float:
    return LOAD_S + LOAD_BLOCK_S * len(workload.blocks)
