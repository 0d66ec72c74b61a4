"""Planner of `ofabench sweep --budget`: chooses informative blocks and networks.

A planner of `bench.sweep.run`: from the measurements so far it has a posterior of all latencies
(`regression.active_learning`), and chooses the workloads that lower the variance of random networks
most for their time. A small first iteration measures how long things take here. The main iteration
measures networks, blocks that cover every size, width and kernel of the space, and the most
uncertain blocks. The rest of the time goes to further iterations, timed by the earlier ones:
networks near the Pareto front, remaining blocks, and at last repeated measurements of the most
uncertain workloads.
"""

import importlib
import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.device import Workload
from bench.sweep.elapsed import ElapsedTime
from bench.sweep.memory_batching import ANCHORS
from bench.timing.measurement import Measurement
from bench.timing.references import with_references
from latency_models.regression.active_learning import (
    block_prior,
    covering,
    network_prior,
    rough_ms,
)
from ofabench.workflows.sweep.front_networks import front_networks
from ofabench.workflows.sweep.measuring_times import MeasuringTimes, SweepBudget
from supernet.space.space import ArchConfig, SearchSpace

__all__ = ["NETWORKS", "BudgetPlanner", "SweepBudget", "informative_networks"]
Floats = NDArray[np.float64]

NETWORKS = 20  # for the network calibration
MOST_NETWORKS = 200  # if time is left and the user gives no number
FIRST_SHARE, NETWORKS_SHARE, COVER_SHARE = 0.1, 0.4, 0.5  # of the budget, of its rest
MAIN_SHARE = 0.75  # of the time after the first iteration; the rest is for later iterations
LEAST_SHARE = 0.05  # of the budget: less is not worth another iteration
FRONT_SHARE = 0.6  # of a later iteration, for networks
AGAIN = 10  # iterations that measure the same workload, at most
POOL = 300  # random networks: the posterior is about them, and networks are chosen from them


def informative_networks(
    space: SearchSpace,
    rng: np.random.Generator,
    count: int,
    resolutions: Sequence[int] | None = None,
) -> list[ArchConfig]:
    """Return the `count` of many random networks that are most informative about the others."""
    archs = list(dict.fromkeys(space.sample(rng, max(POOL, 2 * count), resolutions)))
    specs, networks = space.unique_blocks(resolutions), [space.blocks(arch) for arch in archs]
    posterior = network_prior(specs, networks, rough_ms(specs))
    chosen = posterior.choose(np.ones(len(archs)), float(count))
    return [archs[row] for row in chosen]


class BudgetPlanner:
    """Planner for a time budget, see `bench.sweep.planner.Planner`.

    It decides from measurements alone. `networks` is the largest number of networks; None for 20,
    and more if time is left. `reserve_s` is reserved for measurements after the sweep.
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
        self._nets = [workload.blocks for workload in self._networks]
        self._first_networks = NETWORKS if networks is None else networks
        self._most_networks = MOST_NETWORKS if networks is None else networks
        self._fixed = with_references([])
        self._reserve_s = reserve_s
        self._spent: ElapsedTime | None = None
        _prepare()

    def note_elapsed(self, spent: ElapsedTime) -> None:
        """See `bench.sweep.planner.TimedPlanner`."""
        self._spent = spent

    def next(
        self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
    ) -> Sequence[Workload] | None:
        """Return the workloads of the next iteration; None if the budget is used."""
        known = {
            measurement.workload for measurement in done if measurement.workload.role != "reference"
        }
        budget_s = self.budget_s
        if known and self._spent is not None and self._out_of_time(self._spent.wall_s):
            return None
        times = MeasuringTimes(self._budget, self._specs, done, self._spent)
        left_s = budget_s - self._reserve_s - times.spent_s
        if known and self._out_of_time(times.spent_s):
            return None
        room_s = left_s - self._fixed_s(times, left_s)
        excluded = {*known, *unrunnable}
        if not known:
            chosen = self._choose_blocks(
                times, max(room_s - (1 - FIRST_SHARE) * left_s, 0), excluded
            )
            chosen = chosen or self._choose_blocks(times, room_s, excluded)[:1]
        elif not any(workload.role == "network" for workload in excluded):
            chosen = self._main_iteration(times, min(room_s, MAIN_SHARE * left_s), excluded)
        else:
            chosen = self._later_iteration(times, room_s, excluded, done)
        if not known and not chosen:
            raise InputError(
                f"--budget {budget_s:g}s is too short for one block in "
                f"{self._budget.plan.replicates} replicates of {self._budget.plan.rounds} rounds: "
                "give more, or fewer --replicates and --rounds"
            )
        return chosen or None

    def _fixed_s(self, times: MeasuringTimes, left_s: float) -> float:
        """Seconds for references, and for blocks that later groups of an iteration repeat."""
        plan = self._budget.plan
        groups = max(1, math.ceil(left_s / (plan.replicates * plan.group_s)))
        repeated_s = ANCHORS * float(times.of(self._blocks).mean())
        return groups * _sum(times, self._fixed) + (groups - 1) * repeated_s

    def _out_of_time(self, spent_s: float) -> bool:
        return self.budget_s - self._reserve_s - spent_s < LEAST_SHARE * self.budget_s

    def _main_iteration(
        self, times: MeasuringTimes, room_s: float, excluded: Collection[Workload]
    ) -> list[Workload]:
        """Networks, blocks missing in the domain, then the most informative blocks."""
        chosen = self._choose_networks(times, NETWORKS_SHARE * room_s, excluded)
        room_s -= _sum(times, chosen)
        known_rows = [row for row, workload in enumerate(self._blocks) if workload in excluded]
        rows = covering(self._specs, times.of(self._blocks), COVER_SHARE * room_s, known_rows)
        covering_blocks = [self._blocks[row] for row in rows if self._blocks[row] not in excluded]
        chosen += covering_blocks
        room_s -= _sum(times, covering_blocks)
        return chosen + self._choose_blocks(times, room_s, {*excluded, *covering_blocks})

    def _later_iteration(
        self,
        times: MeasuringTimes,
        room_s: float,
        excluded: Collection[Workload],
        done: Sequence[Measurement],
    ) -> list[Workload]:
        """Networks near the front, remaining blocks, and repeats of uncertain workloads."""
        blocks_left = any(workload not in excluded for workload in self._blocks)
        share_s = FRONT_SHARE * room_s if blocks_left else room_s
        networks = self._front(times, share_s, excluded)
        room_s -= _sum(times, networks)
        blocks = self._choose_blocks(times, room_s, excluded) if blocks_left else []
        room_s -= _sum(times, blocks)
        return [*networks, *blocks, *self._repeats(times, room_s, done)]

    def _front(
        self, times: MeasuringTimes, room_s: float, excluded: Collection[Workload]
    ) -> list[Workload]:
        """Unmeasured networks near the Pareto front, spread over all latencies."""
        measured = sum(workload.role == "network" for workload in excluded)
        count = self._most_networks - measured
        if count <= 0 or room_s <= 0:
            return []
        costs_ms = dict(zip(self._specs, times.costs_ms.tolist(), strict=True))
        rng = np.random.default_rng([self._seed, 3, measured])
        archs = front_networks(self._space, rng, costs_ms, self._most_networks, self._resolutions)
        networks = [
            workload
            for workload in map(self._network, dict.fromkeys(archs))
            if workload not in excluded
        ]
        # As many as fit into the time, evenly over the front.
        network_s = times.of(networks)
        count = min(count, len(networks))
        while count > 0:
            rows = np.linspace(0, len(networks) - 1, count).round().astype(int)
            total_s = float(network_s[rows].sum())
            if total_s <= room_s:
                return [networks[row] for row in rows]
            count = min(count - 1, int(count * room_s / total_s))
        return []

    def _repeats(
        self, times: MeasuringTimes, room_s: float, done: Sequence[Measurement]
    ) -> list[Workload]:
        """The most uncertain measured workloads, networks first, as many as fit into the time."""
        most_replicates = AGAIN * self._budget.plan.replicates
        repeatable = [
            measurement
            for measurement in done
            if measurement.workload.role != "reference" and measurement.replicates < most_replicates
        ]
        # One replicate has no interval: such workloads come first.
        repeatable.sort(
            key=lambda measurement: (
                measurement.workload.role != "network",
                -_width(measurement),
                measurement.workload.key,
            )
        )
        chosen: list[Workload] = []
        for measurement, time_s in zip(
            repeatable, times.of([item.workload for item in repeatable]), strict=True
        ):
            if time_s <= room_s:
                room_s -= float(time_s)
                chosen.append(measurement.workload)
        return chosen

    def _network(self, arch: ArchConfig) -> Workload:
        label = self._space.to_line(arch)
        return Workload(role="network", blocks=self._space.blocks(arch), label=label)

    def _choose_networks(
        self, times: MeasuringTimes, room_s: float, excluded: Collection[Workload]
    ) -> list[Workload]:
        posterior = network_prior(self._specs, self._nets, times.costs_ms)
        excluded_rows = [row for row, workload in enumerate(self._networks) if workload in excluded]
        chosen = posterior.choose(
            times.of(self._networks), room_s, most=self._first_networks, excluded=excluded_rows
        )
        return [self._networks[row] for row in chosen]

    def _choose_blocks(
        self, times: MeasuringTimes, room_s: float, excluded: Collection[Workload]
    ) -> list[Workload]:
        excluded_rows = [row for row, workload in enumerate(self._blocks) if workload in excluded]
        posterior = block_prior(self._specs, self._nets, times.costs_ms).given(excluded_rows)
        chosen = posterior.choose(times.of(self._blocks), room_s, excluded=excluded_rows)
        return [self._blocks[row] for row in chosen]


def _prepare() -> None:
    """Import slow modules before the budget starts: seconds on a busy machine."""
    importlib.import_module("sklearn.linear_model")


def _sum(times: MeasuringTimes, workloads: Sequence[Workload]) -> float:
    return float(times.of(workloads).sum())


def _width(measurement: Measurement) -> float:
    """Half-width of the interval, infinite for one replicate."""
    return measurement.half_width if measurement.replicates > 1 else float("inf")
