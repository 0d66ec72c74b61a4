"""Limits as sums over choices, and choices that no limit permits.

A choice that by itself exceeds a limit is forbidden; a limit that nothing else can exceed is then
none any more. So limits that only forbid, as a network's peak over its blocks or a count that must
be 0, cost the search nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.choice_effects import chain_of, probe_stage
from supernet.constraints.constraints import Constraint, Costs
from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.search.infeasible_resolutions import hopeless
from supernet.search.problem import Problem
from supernet.space.codes import Codes, Layout

_SAMPLED = 256
_SLIP = 1e-9
Masks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """Which depths (R, E, L, D) and options of blocks (R, E, L, S, O) of a stage are too dear."""

    depths: Masks
    blocks: Masks

    def joined(self, other: "Forbidden") -> "Forbidden":
        return Forbidden(
            depths=self.depths | other.depths,
            blocks=self.blocks | other.blocks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a problem's limits come to: `costs` within `limits` (K,), and what is `forbidden`.

    `is_exact` where that is all that they ask. The costs of objectives come last, without limit.
    """

    costs: tuple[GridSum, ...]
    limits: Floats
    forbidden: tuple[Forbidden, ...]
    is_exact: bool

    @classmethod
    def of(cls, problem: Problem, grid: Grid) -> Self | None:
        """Take a problem's limits apart; None where an objective cannot be."""
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
                masks.append(_dear_alone(problem, grid, limit))
                is_exact = False
                continue
            mask, cost = _dear(cost, limit.limit * scale)
            masks.append(mask)
            if _can_exceed(cost, limit.limit * scale):
                costs.append(cost)
                limits.append(limit.limit * scale)
        if costs:
            masks.append(_at(grid, hopeless(grid, tuple(costs), np.array(limits))))
        for objective in problem.objectives:
            cost = GridSum.of_costs(grid, objective.costs)
            if cost is None:
                return None
            mask, cost = _dear(cost, np.inf)
            masks.append(mask)
            costs.append(cost)
            limits.append(np.inf)
        forbidden = _all_of(masks)
        return cls(
            costs=tuple(costs), limits=np.array(limits), forbidden=forbidden, is_exact=is_exact
        )

    def within(self, limits: Floats) -> "Sums":
        """Return the same with these limits (objectives,) on the objectives."""
        kept = self.limits[: len(self.limits) - len(limits)]
        return replace(self, limits=np.concatenate([kept, limits]))

    def allowed(self, value: GridSum, penalty: float) -> GridSum:
        """Take `penalty` off a value for each choice that is forbidden."""
        if not self.forbidden:
            return value
        stages = [
            StageParts(
                depths=of_stage.depths - penalty * mask.depths,
                blocks=of_stage.blocks - penalty * mask.blocks,
            )
            for of_stage, mask in zip(value.stages, self.forbidden, strict=True)
        ]
        return replace(value, stages=tuple(stages))


def _at(grid: Grid, resolutions: Masks) -> tuple[Forbidden, ...]:
    """Forbid these resolutions (R,): they have no depth left."""
    first = resolutions[:, None, None, None]
    none = np.zeros((1, 1, 1, 1), dtype=np.bool_)
    return tuple(
        Forbidden(depths=first if number == 0 else none, blocks=none[..., None])
        for number in range(len(grid.stages))
    )


def _dear(cost: GridSum, limit: float) -> tuple[tuple[Forbidden, ...], GridSum]:
    """What exceeds the limit by itself, and the cost with nothing in its place."""
    left = (
        limit
        - np.where(np.isinf(cost.base), 0.0, cost.base)
        + _SLIP * abs(limit if np.isfinite(limit) else 0.0)
    )
    masks, stages = [], []
    for number, stage in enumerate(cost.stages):
        # What cannot run is too dear without a limit too.
        depths = ~(stage.depths <= left[:, None, None, None]) | np.isinf(stage.depths)
        if number == 0:  # a resolution whose cheapest network is too dear has no depth left
            depths = depths | (~(left >= 0) | np.isinf(cost.base))[:, None, None, None]
        blocks = ~(stage.blocks <= left[:, None, None, None, None]) | np.isinf(stage.blocks)
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
    """Whether what is left of the choices may still exceed the limit together."""
    possible = most_of(cost)[cost.base <= limit]
    return bool((possible > limit * (1 + _SLIP)).any())


def most_of(cost: GridSum) -> Floats:
    """What no network of a resolution exceeds, (R,)."""
    most: Floats = cost.base + cost.entry.max(axis=1)
    for stage in cost.stages:
        most = most + stage.depths.max(axis=(1, 2, 3))
        most = most + stage.blocks.max(axis=(1, 2, 4), initial=0.0).sum(axis=1)
    return most


def _dear_alone(problem: Problem, grid: Grid, limit: Constraint) -> tuple[Forbidden, ...]:
    """What exceeds a limit that is no sum when it is made alone, all else being smallest."""
    space = problem.space

    def exceeds(codes: Codes) -> Floats:
        return (~(limit.costs(codes) <= limit.limit)).astype(np.float64)

    found = []
    for number, stage in enumerate(grid.stages):
        # From the shallowest on: where a deep one exceeds it, that tells nothing of its choices.
        whole = _dear_up_to(problem.layout, grid, exceeds, (number, 1))
        for depths in range(2, 1 + len(stage.depths)):
            whole = whole.joined(_dear_up_to(problem.layout, grid, exceeds, (number, depths)))
        found.append(whole)
    # Where the smallest network exceeds it, the resolution is too large.
    hopeless = exceeds(space.encode([space.smallest(one) for one in space.resolutions])) > 0
    found[0] = replace(found[0], depths=found[0].depths | hopeless[:, None, None, None])
    return tuple(found)


def _dear_up_to(layout: Layout, grid: Grid, exceeds: Costs, at: tuple[int, int]) -> Forbidden:
    """What of a stage exceeds it by itself; `at` is the stage and how many of its depths to try."""
    number, depths = at
    columns = list(layout.columns)
    for place in range(1, layout.kernel_start):
        kept = columns[place].values[: depths if place == 1 + number else 1]
        columns[place] = replace(columns[place], values=kept)
    shallow, stage = replace(layout, columns=tuple(columns)), grid.stages[number]
    chain = chain_of(shallow)
    assert chain is not None
    probed = probe_stage(shallow, exceeds, chain, number)
    by_depth = np.zeros((*probed.by_depth.shape[:3], len(stage.depths)), dtype=np.bool_)
    least = np.minimum(probed.by_depth.min(axis=3, keepdims=True), 0.0)
    by_depth[..., :depths] = probed.by_depth > least
    blocks = np.zeros((*by_depth.shape[:3], *stage.options.shape[:2]), dtype=np.bool_)
    for block, (_, choices, beside) in enumerate(probed.by_slot):
        blocks[..., block, : len(choices)] = beside > 0
        blocks[..., block, len(choices) :] = beside[..., -1:] > 0
    return Forbidden(depths=by_depth, blocks=blocks)


def _share(problem: Problem, limit: Constraint) -> float:
    """What of a limit remains for the cost without its margin, on networks at random."""
    assert limit.predicted is not None
    codes = problem.layout.sample(np.random.default_rng(0), _SAMPLED)
    with np.errstate(invalid="ignore"):
        shares = limit.predicted(codes) / limit.costs(codes)
    return float(np.nanmedian(shares))


def _all_of(masks: Sequence[tuple[Forbidden, ...]]) -> tuple[Forbidden, ...]:
    """All that any of the masks forbids; empty where that is nothing."""
    if not any(part.any() for mask in masks for one in mask for part in (one.depths, one.blocks)):
        return ()
    whole, *others = masks
    for mask in others:
        whole = tuple(one.joined(more) for one, more in zip(whole, mask, strict=True))
    return whole
