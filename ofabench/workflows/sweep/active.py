"""`ofabench sweep --budget`: the blocks and networks that say most, for so much time.

A planner of `bench.sweep.run`: it sees what is measured, believes something of the rest
(latency_models.regression.design), and asks for what tells most of random networks for its price. A
first round is chosen blindly and tells what things cost here; then come networks, and blocks by
which every size, width and kernel of the space was seen; the rest goes where that leaves most open.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.device import LoadCosts, Workload
from bench.sweep.groups import ANCHORS, estimated_ns
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan
from bench.timing.references import with_references
from latency_models.regression.design import block_beliefs, covering, network_beliefs, rough_ms
from latency_models.regression.features import feature_matrix
from latency_models.regression.regression import fit_pooled
from supernet.space.space import ArchConfig, SearchSpace

Floats = NDArray[np.float64]

NETWORKS = 20  # to learn a composition on
FIRST_SHARE, NETWORKS_SHARE, COVER_SHARE = 0.1, 0.4, 0.5  # of the time, of what is left of it
LEAST_SHARE = 0.05  # of the time, that is worth another round
POOL = 300  # random networks that the beliefs are about, and that networks are chosen of
OVERHEAD = 1.1  # wall time over the time of timed calls
LOAD_S, LOAD_BLOCK_S = 0.006, 0.006  # to make a model and load it, and more for each block


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
    """See `bench.sweep.planner.Planner`. It decides from what is measured alone."""

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
        self._blocks = [Workload(role="block", blocks=(spec,)) for spec in self._specs]
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
        budget_s = self._budget.budget_s
        left_s = budget_s - self._spent_s(done)
        if known and left_s < LEAST_SHARE * budget_s:
            return None
        anchors = 1 + ANCHORS / len(self._fixed) if known else 1
        fixed_s = anchors * float(self._price_s(self._fixed, done).sum())
        gone = {*known, *unrunnable}
        if not known:
            work = self._choose_blocks(done, max(FIRST_SHARE * left_s - fixed_s, 0), gone)
            work = work or self._choose_blocks(done, left_s - fixed_s, gone)[:1]
        else:
            work = self._second_round(done, left_s - fixed_s, gone)
        if not known and not work:
            raise InputError(
                f"--budget {budget_s:g}s is too little for one block in "
                f"{self._budget.plan.loads} loads of {self._budget.plan.passes} passes: give more, "
                "or fewer --replicates and --rounds"
            )
        return work or None

    def _second_round(
        self, done: Sequence[Measurement], room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        """Networks, what the domain lacks, then what tells most."""
        work: list[Workload] = []
        if not any(one.role == "network" for one in gone):
            work = self._choose_networks(done, NETWORKS_SHARE * room_s, gone)
            room_s -= float(self._price_s(work, done).sum())
        prices_s = self._price_s(self._blocks, done)
        taken = [row for row, one in enumerate(self._blocks) if one in gone]
        covers = covering(self._specs, prices_s, COVER_SHARE * room_s, taken)
        cover = [self._blocks[row] for row in covers if self._blocks[row] not in gone]
        work += cover
        room_s -= float(self._price_s(cover, done).sum())
        return work + self._choose_blocks(done, room_s, {*gone, *cover})

    def _choose_networks(
        self, done: Sequence[Measurement], room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        beliefs = network_beliefs(self._specs, self._nets, self._costs_ms(done))
        taken = [row for row, one in enumerate(self._networks) if one in gone]
        prices_s = self._price_s(self._networks, done)
        chosen = beliefs.choose(prices_s, room_s, most=self._most_networks, but=taken)
        return [self._networks[row] for row in chosen]

    def _choose_blocks(
        self, done: Sequence[Measurement], room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        taken = [row for row, one in enumerate(self._blocks) if one in gone]
        beliefs = block_beliefs(self._specs, self._nets, self._costs_ms(done)).given(taken)
        chosen = beliefs.choose(self._price_s(self._blocks, done), room_s, but=taken)
        return [self._blocks[row] for row in chosen]

    def _costs_ms(self, done: Sequence[Measurement]) -> Floats:
        """Roughly what each block takes: from what is measured, else from the device's costs."""
        pairs = [
            (one.workload.blocks[0], one.median_ms) for one in done if one.workload.role == "block"
        ]
        budget = self._budget
        if not pairs:
            one_call = SweepPlan(loads=1, passes=1, calls=1)
            ns = [estimated_ns(one, one_call, budget.batch, budget.costs) for one in self._blocks]
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
        load_s = np.array([_load_s(one) for one in work], dtype=np.float64)
        return budget.plan.loads * (OVERHEAD * timed_s + load_s)

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
            OVERHEAD * float(one.samples_ns.sum()) / 1e9 + one.loads * _load_s(one.workload)
            for one in done
        )


def _load_s(workload: Workload) -> float:
    return LOAD_S + LOAD_BLOCK_S * len(workload.blocks)
