"""Limits as sums over choices, and choices that no limit permits.

A choice that exceeds a limit by itself is forbidden; a limit that the remaining choices cannot
exceed is then dropped. So limits that only forbid choices, such as a peak over blocks or a count
that must be 0, do not slow down the search.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.choice_effects import chain_of, stage_effects
from supernet.constraints.constraints import Constraint, Costs
from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.search.infeasible_resolutions import infeasible_resolutions
from supernet.search.problem import Problem
from supernet.space.codes import Codes, Layout

_SAMPLED = 256
_SLIP = 1e-9
Masks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """Forbidden depths (R, E, L, D) and options of blocks (R, E, L, S, O) of a stage."""

    depths: Masks
    blocks: Masks

    def joined(self, other: "Forbidden") -> "Forbidden":
        return Forbidden(
            depths=self.depths | other.depths,
            blocks=self.blocks | other.blocks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """The limits of a problem as sums: `costs` within `limits` (K,), and `forbidden` choices.

    `is_exact` where this is equivalent to the limits. Costs of objectives come last, unlimited.
    """

    costs: tuple[GridSum, ...]
    limits: Floats
    forbidden: tuple[Forbidden, ...]
    is_exact: bool

    @classmethod
    def of(cls, problem: Problem, grid: Grid) -> Self | None:
        """Decompose the limits of a problem; None where an objective is not a sum."""
        costs: list[GridSum] = []
        limits: list[float] = []
        masks: list[tuple[Forbidden, ...]] = []
        is_exact = True
        for limit in problem.constraints:
            cost, scale = GridSum.of_costs(grid, limit.costs), 1.0
            if cost is None and limit.predicted is not None:
                cost = GridSum.of_costs(grid, limit.predicted)
                scale, is_exact = _share(problem, limit), False
            if cost is None:
                masks.append(_forbid_singly(problem, grid, limit))
                is_exact = False
                continue
            mask, cost = _forbid_exceeding(cost, limit.limit * scale)
            masks.append(mask)
            if _can_exceed(cost, limit.limit * scale):
                costs.append(cost)
                limits.append(limit.limit * scale)
        if costs:
            masks.append(
                _forbid_resolutions(
                    grid, infeasible_resolutions(grid, tuple(costs), np.array(limits))
                )
            )
        for objective in problem.objectives:
            cost = GridSum.of_costs(grid, objective.costs)
            if cost is None:
                return None
            mask, cost = _forbid_exceeding(cost, np.inf)
            masks.append(mask)
            costs.append(cost)
            limits.append(np.inf)
        forbidden = _union(masks)
        return cls(
            costs=tuple(costs), limits=np.array(limits), forbidden=forbidden, is_exact=is_exact
        )

    def within(self, limits: Floats) -> "Sums":
        """Return a copy with these limits (objectives,) on the objectives."""
        constraint_limits = self.limits[: len(self.limits) - len(limits)]
        return replace(self, limits=np.concatenate([constraint_limits, limits]))

    def allowed(self, value: GridSum, penalty: float) -> GridSum:
        """Subtract `penalty` from a value for each forbidden choice."""
        if not self.forbidden:
            return value
        stages = [
            StageParts(
                depths=stage.depths - penalty * mask.depths,
                blocks=stage.blocks - penalty * mask.blocks,
            )
            for stage, mask in zip(value.stages, self.forbidden, strict=True)
        ]
        return replace(value, stages=tuple(stages))


def _forbid_resolutions(grid: Grid, resolutions: Masks) -> tuple[Forbidden, ...]:
    """Forbid these resolutions (R,) by forbidding all their depths."""
    first = resolutions[:, None, None, None]
    none = np.zeros((1, 1, 1, 1), dtype=np.bool_)
    return tuple(
        Forbidden(depths=first if number == 0 else none, blocks=none[..., None])
        for number in range(len(grid.stages))
    )


def _forbid_exceeding(cost: GridSum, limit: float) -> tuple[tuple[Forbidden, ...], GridSum]:
    """Return the choices that exceed the limit by themselves, and the cost without them."""
    available = (
        limit
        - np.where(np.isinf(cost.base), 0.0, cost.base)
        + _SLIP * abs(limit if np.isfinite(limit) else 0.0)
    )
    masks, stages = [], []
    for number, stage in enumerate(cost.stages):
        # A block that cannot run is forbidden even without a limit.
        depths = ~(stage.depths <= available[:, None, None, None]) | np.isinf(stage.depths)
        if number == 0:  # a resolution whose cheapest network exceeds the limit has no depth left
            depths = depths | (~(available >= 0) | np.isinf(cost.base))[:, None, None, None]
        blocks = ~(stage.blocks <= available[:, None, None, None, None]) | np.isinf(stage.blocks)
        masks.append(Forbidden(depths=depths, blocks=blocks))
        stages.append(
            StageParts(
                depths=np.where(depths, 0.0, stage.depths),
                blocks=np.where(blocks, 0.0, stage.blocks),
            )
        )
    base = np.where(np.isinf(cost.base), 0.0, cost.base)
    return tuple(masks), replace(cost, base=base, stages=tuple(stages))


def _can_exceed(cost: GridSum, limit: float) -> bool:
    """Return whether the remaining choices can exceed the limit together."""
    possible = upper_bound(cost)[cost.base <= limit]
    return bool((possible > limit * (1 + _SLIP)).any())


def upper_bound(cost: GridSum) -> Floats:
    """Return an upper bound of the cost over all networks of each resolution, (R,)."""
    bound: Floats = cost.base + cost.entry.max(axis=1)
    for stage in cost.stages:
        bound = bound + stage.depths.max(axis=(1, 2, 3))
        bound = bound + stage.blocks.max(axis=(1, 2, 4), initial=0.0).sum(axis=1)
    return bound


def _forbid_singly(problem: Problem, grid: Grid, limit: Constraint) -> tuple[Forbidden, ...]:
    """Forbid single choices that exceed a limit that is not a sum, with all others smallest."""
    space = problem.space

    def exceeds(codes: Codes) -> Floats:
        return (~(limit.costs(codes) <= limit.limit)).astype(np.float64)

    forbidden = []
    for number, stage in enumerate(grid.stages):
        # Start with the shallowest: where a deep stage exceeds the limit, its choices are not to
        # blame.
        mask = _forbidden_up_to(problem.layout, grid, exceeds, (number, 1))
        for depths in range(2, 1 + len(stage.depths)):
            mask = mask.joined(_forbidden_up_to(problem.layout, grid, exceeds, (number, depths)))
        forbidden.append(mask)
    # Where the smallest network exceeds it, the resolution is too large.
    too_large = (
        exceeds(space.encode([space.smallest(resolution) for resolution in space.resolutions])) > 0
    )
    forbidden[0] = replace(
        forbidden[0], depths=forbidden[0].depths | too_large[:, None, None, None]
    )
    return tuple(forbidden)


def _forbidden_up_to(
    layout: Layout, grid: Grid, exceeds: Costs, stage_and_depths: tuple[int, int]
) -> Forbidden:
    """Return the choices of a stage that exceed it, for its first depths (stage, count)."""
    number, depths = stage_and_depths
    columns = list(layout.columns)
    for index in range(1, layout.kernel_start):
        values = columns[index].values[: depths if index == 1 + number else 1]
        columns[index] = replace(columns[index], values=values)
    shallow, stage = replace(layout, columns=tuple(columns)), grid.stages[number]
    chain = chain_of(shallow)
    assert chain is not None
    effects = stage_effects(shallow, exceeds, chain, number)
    by_depth = np.zeros((*effects.by_depth.shape[:3], len(stage.depths)), dtype=np.bool_)
    least = np.minimum(effects.by_depth.min(axis=3, keepdims=True), 0.0)
    by_depth[..., :depths] = effects.by_depth > least
    blocks = np.zeros((*by_depth.shape[:3], *stage.options.shape[:2]), dtype=np.bool_)
    for block, (_, choices, option_costs) in enumerate(effects.by_slot):
        blocks[..., block, : len(choices)] = option_costs > 0
        blocks[..., block, len(choices) :] = option_costs[..., -1:] > 0
    return Forbidden(depths=by_depth, blocks=blocks)


def _share(problem: Problem, limit: Constraint) -> float:
    """Return the share of a limit that remains for the cost without margin, on random networks."""
    assert limit.predicted is not None
    codes = problem.layout.sample(np.random.default_rng(0), _SAMPLED)
    with np.errstate(invalid="ignore"):
        shares = limit.predicted(codes) / limit.costs(codes)
    return float(np.nanmedian(shares))


def _union(masks: Sequence[tuple[Forbidden, ...]]) -> tuple[Forbidden, ...]:
    """Return the union of the masks; empty where nothing is forbidden."""
    if not any(
        part.any() for mask in masks for stage in mask for part in (stage.depths, stage.blocks)
    ):
        return ()
    union, *others = masks
    for mask in others:
        union = tuple(stage.joined(addition) for stage, addition in zip(union, mask, strict=True))
    return union
