"""`ofabench sweep --budget`: the blocks and networks that say most, for so much time.

A planner of `bench.sweep`: it sees what is measured, believes something of the rest
(latency_models.design), and asks for what tells most of random networks for its price. Half of
the time goes to a first round, which is chosen blindly; the other half where that left most open.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.devices.base import LoadCosts, Workload
from bench.errors import InputError
from bench.groups import ANCHORS, estimated_ns
from bench.measurement import Measurement
from bench.planner import SweepPlan
from bench.references import with_references
from latency_models.design import Beliefs, block_beliefs, network_beliefs, rough_ms
from latency_models.features import feature_matrix
from latency_models.regression import fit_pooled
from supernet.space import ArchConfig, SearchSpace

Floats = NDArray[np.float64]

NETWORKS = 20  # to learn a composition on
NETWORKS_SHARE = 0.3  # of the time, at most
ROUNDS = 2  # that are planned for; what they leave over is spent too
LEAST_SHARE = 0.05  # of the time, that is worth another round
POOL = 300  # random networks that the beliefs are about, and that networks are chosen of
OVERHEAD = 1.15  # wall time over the time of timed calls
LOAD_S = 0.03  # to make a model and load it


def informative_networks(
    space: SearchSpace,
    rng: np.random.Generator,
    count: int,
    resolutions: Sequence[int] | None = None,
) -> list[ArchConfig]:
    """The `count` of many random networks that say most of the others."""
    archs = list(dict.fromkeys(space.sample(rng, max(POOL, 2 * count), resolutions)))
    specs, nets = space.unique_blocks(resolutions), [space.blocks(arch) for arch in archs]
    beliefs = network_beliefs(specs, nets, rough_ms(specs))
    chosen = beliefs.choose(np.ones(len(archs)), float(count))
    return [archs[row] for row in chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a sweep may take, and what time goes by."""

    budget_s: float
    plan: SweepPlan
    batch: int
    costs: LoadCosts


class BudgetPlanner:
    """See `bench.planner.Planner`. It decides from what is measured alone."""

    def __init__(
        self,
        space: SearchSpace,
        budget: Budget,
        *,
        resolutions: Sequence[int] | None = None,
        networks: int = NETWORKS,
        seed: int = 0,
    ) -> None:
        self._budget = budget
        self._specs = space.unique_blocks(resolutions)
        rng = np.random.default_rng([seed, 2])
        archs = list(dict.fromkeys(space.sample(rng, POOL, resolutions)))
        self._nets = [space.blocks(arch) for arch in archs]
        self._networks = [
            Workload(role="network", blocks=net, label=space.to_line(arch))
            for net, arch in zip(self._nets, archs, strict=True)
        ]
        self._most_networks = networks
        self._fixed = with_references([])

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return what the rest of the time is best spent on; None where it is spent."""
        known = {one.workload for one in done if one.workload.role != "reference"}
        first = not known
        left_s = self._budget.budget_s - self._spent_s(done)
        if not first and left_s < LEAST_SHARE * self._budget.budget_s:
            return None
        costs_ms = self._costs_ms(done)
        fixed_s = self._price_s(self._fixed, done).sum() * (1 if first else 1 + ANCHORS / 6)
        room_s = (left_s / ROUNDS if first else left_s) - fixed_s
        work: list[Workload] = []
        if first:
            work = self._choose_networks(costs_ms, NETWORKS_SHARE * room_s, unrunnable)
            room_s -= float(self._price_s(work, done).sum())
        work += self._choose_blocks(done, costs_ms, room_s, {*known, *unrunnable})
        if first and not work:
            raise InputError(
                f"--budget {self._budget.budget_s:g}s is too little for one block in "
                f"{self._budget.plan.loads} loads of {self._budget.plan.passes} passes: give more, "
                "or fewer --loads and --passes"
            )
        return work or None

    def _choose_networks(
        self, costs_ms: Floats, room_s: float, unrunnable: Collection[Workload]
    ) -> list[Workload]:
        beliefs = network_beliefs(self._specs, self._nets, costs_ms)
        gone = [row for row, one in enumerate(self._networks) if one in unrunnable]
        prices_s = self._price_s(self._networks, ())
        chosen = beliefs.choose(prices_s, room_s, most=self._most_networks, but=gone)
        return [self._networks[row] for row in chosen]

    def _choose_blocks(
        self,
        done: Sequence[Measurement],
        costs_ms: Floats,
        room_s: float,
        gone: Collection[Workload],
    ) -> list[Workload]:
        blocks = [Workload(role="block", blocks=(spec,)) for spec in self._specs]
        taken = [row for row, one in enumerate(blocks) if one in gone]
        beliefs: Beliefs = block_beliefs(self._specs, self._nets, costs_ms).given(taken)
        chosen = beliefs.choose(self._price_s(blocks, done), room_s, but=taken)
        return [blocks[row] for row in chosen]

    def _costs_ms(self, done: Sequence[Measurement]) -> Floats:
        """Roughly what each block takes: from what is measured, else from the device's costs."""
        pairs = [
            (one.workload.blocks[0], one.median_ms) for one in done if one.workload.role == "block"
        ]
        budget = self._budget
        if not pairs:
            one_call = SweepPlan(loads=1, passes=1, calls=1)
            blocks = [Workload(role="block", blocks=(spec,)) for spec in self._specs]
            ns = [estimated_ns(one, one_call, budget.batch, budget.costs) for one in blocks]
            return np.array(ns) / 1e6
        model = fit_pooled(
            feature_matrix([spec for spec, _ in pairs]), np.array([ms for _, ms in pairs])
        )
        return model.predict(feature_matrix(self._specs))

    def _price_s(self, work: Sequence[Workload], done: Sequence[Measurement]) -> Floats:
        """Seconds that each workload takes in all loads."""
        budget = self._budget
        ns = [estimated_ns(one, budget.plan, budget.batch, budget.costs) for one in work]
        timed_s = np.array(ns, dtype=np.float64) / 1e9 * self._slower(done)
        return budget.plan.loads * (OVERHEAD * timed_s + LOAD_S)

    def _slower(self, done: Sequence[Measurement]) -> float:
        """Time of what is measured over what the device's costs say of it."""
        if not done:
            return 1.0
        budget = self._budget
        told_ns = sum(
            one.loads * estimated_ns(one.workload, budget.plan, budget.batch, budget.costs)
            for one in done
        )
        return float(sum(float(one.samples_ns.sum()) for one in done) / told_ns)

    def _spent_s(self, done: Sequence[Measurement]) -> float:
        return sum(
            OVERHEAD * float(one.samples_ns.sum()) / 1e9 + LOAD_S * one.loads for one in done
        )
