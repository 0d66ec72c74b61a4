"""Measuring times of workloads in seconds, estimated from the measurements so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.protocol.device import ModelCosts, Workload
from bench.sweep.elapsed import ElapsedTime
from bench.sweep.memory_batching import estimated_ns
from bench.sweep.timed_costs import ONE_SAMPLE
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan
from latency_models.regression.features import feature_matrix
from latency_models.regression.regression import fit_pooled

Floats = NDArray[np.float64]

OVERHEAD = 1.1  # wall time over the time of timing samples
LOAD_S, LOAD_BLOCK_S = 0.006, 0.006  # to build and load a model, and more for each block
MOST_OVERHEAD = 1.2  # limit: planning is a large share of the first iteration only


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepBudget:
    """Time budget of a sweep, and what its measuring times depend on."""

    budget_s: float
    plan: SweepPlan
    batch: int
    costs: ModelCosts


class MeasuringTimes:
    """Seconds to measure each workload, from the measurements `done` and the time `spent` on them.

    A timing sample takes the measured latency, else the prediction from measured blocks, else the
    device's rough estimate. Overheads (repeated bursts, building models, planning) are as in the
    sweep so far; `spent` is None if they are unknown.
    """

    def __init__(
        self,
        budget: SweepBudget,
        specs: Sequence[BlockSpec],
        done: Sequence[Measurement],
        spent: ElapsedTime | None = None,
    ) -> None:
        self._budget = budget
        self._known_ms = {measurement.workload: measurement.median_ms for measurement in done}
        self.costs_ms = _costs_ms(specs, done, budget)
        self._block_ms = dict(zip(specs, self.costs_ms.tolist(), strict=True))
        self._timed, self._making = OVERHEAD, 1.0
        self.spent_s = sum(_measurement_s(measurement) for measurement in done)
        if spent is not None:
            self.spent_s = spent.wall_s
            timed_s = sum(
                _replicates(measurement, budget) * self._timed_s(measurement.workload)
                for measurement in done
            )
            model_s = sum(
                _replicates(measurement, budget) * _load_s(measurement.workload)
                for measurement in done
            )
            overhead = spent.wall_s / (spent.rounds_s + spent.making_s)
            self._timed = min(overhead, MOST_OVERHEAD) * spent.rounds_s / timed_s
            self._making = min(overhead, MOST_OVERHEAD) * spent.making_s / model_s

    def of(self, work: Sequence[Workload]) -> Floats:
        """Return the seconds of each workload in all replicates of an iteration, (n,)."""
        loads = self._budget.plan.replicates
        times_s = [
            loads * (self._timed * self._timed_s(workload) + self._making * _load_s(workload))
            for workload in work
        ]
        return np.array(times_s, dtype=np.float64)

    def _timed_s(self, workload: Workload) -> float:
        """Seconds of timing samples, in one replicate."""
        plan = self._budget.plan
        return plan.rounds * plan.samples * self._sample_ms(workload) / 1000

    def _sample_ms(self, workload: Workload) -> float:
        if workload in self._known_ms:
            return float(self._known_ms[workload])
        if all(block in self._block_ms for block in workload.blocks):
            return float(sum(self._block_ms[block] for block in workload.blocks))
        return estimated_ns(workload, ONE_SAMPLE, self._budget.batch, self._budget.costs) / 1e6


def _costs_ms(
    specs: Sequence[BlockSpec], done: Sequence[Measurement], budget: SweepBudget
) -> Floats:
    """Rough latency of each block, ms: from measurements, else from the device's estimate."""
    pairs = [
        (item.workload.blocks[0], item.median_ms) for item in done if item.workload.role == "block"
    ]
    if not pairs:
        work = [Workload(role="block", blocks=(spec,)) for spec in specs]
        ns = [estimated_ns(item, ONE_SAMPLE, budget.batch, budget.costs) for item in work]
        return np.array(ns) / 1e6
    model = fit_pooled(
        feature_matrix([spec for spec, _ in pairs]), np.array([ms for _, ms in pairs])
    )
    return model.predict(feature_matrix(specs))


def _measurement_s(measurement: Measurement) -> float:
    """Seconds that a measurement took, by its samples."""
    return OVERHEAD * float(measurement.samples_ns.sum()) / 1e9 + measurement.replicates * _load_s(
        measurement.workload
    )


def _replicates(measurement: Measurement, budget: SweepBudget) -> float:
    """Number of replicates, by samples; a reference has several bursts in a round."""
    plan = budget.plan
    return float(measurement.samples_ns.size) / (plan.rounds * plan.samples)


def _load_s(workload: Workload) -> float:
    return LOAD_S + LOAD_BLOCK_S * len(workload.blocks)
