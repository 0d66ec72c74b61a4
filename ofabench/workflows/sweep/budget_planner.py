"""`ofabench sweep --budget`: chooses the most informative blocks and networks for a time budget.

A planner of `bench.sweep.run`: it sees what is measured, believes something of the rest
(regression.active_learning), and asks for what tells most of random networks for its price. A
first round is chosen blindly and tells what things cost here; then come networks, and blocks by
which every size, width and kernel of the space was seen, and blocks where that leaves most open.
What is left of the time is spent in further rounds, priced by what those before took: on networks
such as a search finds, on blocks that are left, at last on measuring again what is least certain.
"""

import importlib
import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.device import Workload
from bench.sweep.elapsed import Spent
from bench.sweep.memory_batching import ANCHORS
from bench.timing.measurement import Measurement
from bench.timing.references import with_references
from latency_models.regression.active_learning import (
    block_beliefs,
    covering,
    network_beliefs,
    rough_ms,
)
from ofabench.workflows.sweep.front_networks import front_networks
from ofabench.workflows.sweep.measuring_times import MeasuringTimes, SweepBudget
from supernet.space.space import ArchConfig, SearchSpace

__all__ = ["NETWORKS", "BudgetPlanner", "SweepBudget", "informative_networks"]
Floats = NDArray[np.float64]

NETWORKS = 20  # to learn a composition on
MOST_NETWORKS = 200  # where time is left, unless the user says how many
FIRST_SHARE, NETWORKS_SHARE, COVER_SHARE = 0.1, 0.4, 0.5  # of the time, of what is left of it
MAIN_SHARE = 0.75  # of what the first round leaves; the rest is spent at prices that are known well
LEAST_SHARE = 0.05  # of the time, that is worth another round
FRONT_SHARE = 0.6  # of a later round, for networks
AGAIN = 10  # rounds in which a workload is measured, at most
POOL = 300  # random networks that the beliefs are about, and that networks are chosen of


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


class BudgetPlanner:
    """See `bench.sweep.planner.Planner`. It decides from what is measured alone.

    `networks` is how many networks are measured at most; None for 20 at first, and more where time
    is left. `reserve_s` is left for what follows the sweep.
    """

    def __init__(  # noqa: PLR0913
        self,
        space: SearchSpace,
        budget: SweepBudget,
        *,
        resolutions: Sequence[int] | None = None,
        networks: int | None = None,
        seed: int = 0,
        reserve_s: float = 0.0,
    ) -> None:
        self.budget_s = budget.budget_s
        self._budget = budget
        self._space, self._resolutions, self._seed = space, resolutions, seed
        self._specs = space.unique_blocks(resolutions)
        rng = np.random.default_rng([seed, 2])
        archs = list(dict.fromkeys(space.sample(rng, POOL, resolutions)))
        self._blocks = [Workload(role="block", blocks=(spec,)) for spec in self._specs]
        self._networks = [self._network(arch) for arch in archs]
        self._nets = [one.blocks for one in self._networks]
        self._first_networks = NETWORKS if networks is None else networks
        self._most_networks = MOST_NETWORKS if networks is None else networks
        self._fixed = with_references([])
        self._reserve_s = reserve_s
        self._spent: Spent | None = None
        _prepare()

    def note_spent(self, spent: Spent) -> None:
        """See `bench.sweep.planner.SpentWatcher`."""
        self._spent = spent

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return what the rest of the time is best spent on; None where it is spent."""
        known = {one.workload for one in done if one.workload.role != "reference"}
        budget_s = self.budget_s
        if known and self._spent is not None and self._out_of_time(self._spent.wall_s):
            return None
        prices = MeasuringTimes(self._budget, self._specs, done, self._spent)
        left_s = budget_s - self._reserve_s - prices.spent_s
        if known and self._out_of_time(prices.spent_s):
            return None
        room_s = left_s - self._fixed_s(prices, left_s)
        gone = {*known, *unrunnable}
        if not known:
            work = self._choose_blocks(prices, max(room_s - (1 - FIRST_SHARE) * left_s, 0), gone)
            work = work or self._choose_blocks(prices, room_s, gone)[:1]
        elif not any(one.role == "network" for one in gone):
            work = self._main_round(prices, min(room_s, MAIN_SHARE * left_s), gone)
        else:
            work = self._later_round(prices, room_s, gone, done)
        if not known and not work:
            raise InputError(
                f"--budget {budget_s:g}s is too little for one block in "
                f"{self._budget.plan.loads} replicates of {self._budget.plan.passes} rounds: give "
                "more, or fewer --replicates and --rounds"
            )
        return work or None

    def _fixed_s(self, prices: MeasuringTimes, left_s: float) -> float:
        """What references take, and blocks that groups after a round's first one repeat."""
        plan = self._budget.plan
        groups = max(1, math.ceil(left_s / (plan.loads * plan.group_s)))
        repeated_s = ANCHORS * float(prices.of(self._blocks).mean())
        return groups * _sum(prices, self._fixed) + (groups - 1) * repeated_s

    def _out_of_time(self, spent_s: float) -> bool:
        return self.budget_s - self._reserve_s - spent_s < LEAST_SHARE * self.budget_s

    def _main_round(
        self, prices: MeasuringTimes, room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        """Networks, what the domain lacks, then what tells most."""
        work = self._choose_networks(prices, NETWORKS_SHARE * room_s, gone)
        room_s -= _sum(prices, work)
        taken = [row for row, one in enumerate(self._blocks) if one in gone]
        covers = covering(self._specs, prices.of(self._blocks), COVER_SHARE * room_s, taken)
        cover = [self._blocks[row] for row in covers if self._blocks[row] not in gone]
        work += cover
        room_s -= _sum(prices, cover)
        return work + self._choose_blocks(prices, room_s, {*gone, *cover})

    def _later_round(
        self,
        prices: MeasuringTimes,
        room_s: float,
        gone: Collection[Workload],
        done: Sequence[Measurement],
    ) -> list[Workload]:
        """Networks such as a search finds, blocks that are left, and what is least certain."""
        blocks_left = any(one not in gone for one in self._blocks)
        share_s = FRONT_SHARE * room_s if blocks_left else room_s
        work = self._front(prices, share_s, gone)
        room_s -= _sum(prices, work)
        blocks = self._choose_blocks(prices, room_s, gone) if blocks_left else []
        room_s -= _sum(prices, blocks)
        return [*work, *blocks, *self._again(prices, room_s, done)]

    def _front(
        self, prices: MeasuringTimes, room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        """Networks of the front that were not measured, from one end of it to the other."""
        measured = sum(one.role == "network" for one in gone)
        count = self._most_networks - measured
        if count <= 0 or room_s <= 0:
            return []
        costs_ms = dict(zip(self._specs, prices.costs_ms.tolist(), strict=True))
        rng = np.random.default_rng([self._seed, 3, measured])
        archs = front_networks(self._space, rng, costs_ms, self._most_networks, self._resolutions)
        found = [one for one in map(self._network, dict.fromkeys(archs)) if one not in gone]
        # As many as there is time for, evenly over the front.
        prices_s = prices.of(found)
        count = min(count, len(found))
        while count > 0:
            rows = np.linspace(0, len(found) - 1, count).round().astype(int)
            total_s = float(prices_s[rows].sum())
            if total_s <= room_s:
                return [found[row] for row in rows]
            count = min(count - 1, int(count * room_s / total_s))
        return []

    def _again(
        self, prices: MeasuringTimes, room_s: float, done: Sequence[Measurement]
    ) -> list[Workload]:
        """What is measured and least certain, networks first, as much as there is time for."""
        most = AGAIN * self._budget.plan.loads
        open_ = [one for one in done if one.workload.role != "reference" and one.loads < most]
        # An interval of one replicate is not known: it comes first.
        open_.sort(key=lambda one: (one.workload.role != "network", -_width(one), one.workload.key))
        work: list[Workload] = []
        for one, price_s in zip(open_, prices.of([o.workload for o in open_]), strict=True):
            if price_s <= room_s:
                room_s -= float(price_s)
                work.append(one.workload)
        return work

    def _network(self, arch: ArchConfig) -> Workload:
        label = self._space.to_line(arch)
        return Workload(role="network", blocks=self._space.blocks(arch), label=label)

    def _choose_networks(
        self, prices: MeasuringTimes, room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        beliefs = network_beliefs(self._specs, self._nets, prices.costs_ms)
        taken = [row for row, one in enumerate(self._networks) if one in gone]
        chosen = beliefs.choose(
            prices.of(self._networks), room_s, most=self._first_networks, but=taken
        )
        return [self._networks[row] for row in chosen]

    def _choose_blocks(
        self, prices: MeasuringTimes, room_s: float, gone: Collection[Workload]
    ) -> list[Workload]:
        taken = [row for row, one in enumerate(self._blocks) if one in gone]
        beliefs = block_beliefs(self._specs, self._nets, prices.costs_ms).given(taken)
        chosen = beliefs.choose(prices.of(self._blocks), room_s, but=taken)
        return [self._blocks[row] for row in chosen]


def _prepare() -> None:
    """Import what choosing takes: seconds on a busy machine, which are no part of the budget."""
    importlib.import_module("sklearn.linear_model")


def _sum(prices: MeasuringTimes, work: Sequence[Workload]) -> float:
    return float(prices.of(work).sum())


def _width(one: Measurement) -> float:
    """Half-width of the interval, infinite where one replicate tells none."""
    return one.half_width if one.loads > 1 else float("inf")
