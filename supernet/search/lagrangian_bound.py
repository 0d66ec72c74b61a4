"""Lagrangian bound: the best network where limits are replaced by prices.

With a price on each cost, choices come apart and the best is picked one by one; what it is worth,
plus the price of all that the limits allow, is a bound that no network within the limits exceeds.
Prices are raised or lowered until that bound is as low as it gets (Fisher 1981, "The Lagrangian
Relaxation Method for Solving Integer Programming Problems").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats, Grid, GridSum, StageParts, at_resolution

_TRIED = 16  # prices at a time
_REFINED = 3  # line searches: the first among sizes, each other between the best one's sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Separable:
    """A value to be made large, `costs` to be kept within `limits` (K,), all of them sums.

    `spread` is how far apart values are that matter, where that is not all that they can be.
    """

    grid: Grid
    value: GridSum
    costs: tuple[GridSum, ...]
    limits: Floats
    spread: float | None = None

    @property
    def whole(self) -> float:
        """How far apart values are."""
        return spread_of(self.value) if self.spread is None else self.spread

    def at(self, resolution: int) -> "Separable":
        """Return the same at one resolution, by its place."""
        return replace(
            self,
            value=self.value.at(resolution),
            costs=tuple(cost.at(resolution) for cost in self.costs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAhead:
    """What a stage is worth at given prices.

    `best` (R, E, L) is of its best depth and blocks; `to_go` (R, E) of it and all after it.
    `parts` are its shares: value less prices times costs.
    """

    parts: StageParts
    best: Floats
    to_go: Floats

    def at(self, resolution: int) -> "StageAhead":
        """Return that of one resolution, by its place."""
        return StageAhead(
            parts=self.parts.at(resolution),
            best=at_resolution(self.best, resolution),
            to_go=at_resolution(self.to_go, resolution),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """The relaxation at `prices` (R, K): `bound` (R,) on the value within the limits."""

    prices: Floats
    bound: Floats
    entry: Floats
    stages: tuple[StageAhead, ...]

    def after(self, number: int) -> Floats:
        """Worth of all that comes after a stage, by the width that it is left with, (R, L)."""
        if number + 1 < len(self.stages):
            return self.stages[number + 1].to_go
        return np.zeros((1, 1))

    def at(self, resolution: int) -> "Relaxed":
        """Return that of one resolution, by its place."""
        return Relaxed(
            prices=self.prices[resolution : resolution + 1],
            bound=self.bound[resolution : resolution + 1],
            entry=at_resolution(self.entry, resolution),
            stages=tuple(stage.at(resolution) for stage in self.stages),
        )


def relax(problem: Separable, prices: Floats) -> Relaxed:
    """Work the relaxation out at these prices (R, K)."""
    stages: list[StageAhead] = []
    to_go: Floats | None = None
    for number in reversed(range(len(problem.grid.stages))):
        parts = _priced_stage(problem, number, prices)
        best = stage_best(problem.grid.stages[number].depths, parts)
        best = np.broadcast_to(best, (len(best), *_widths(problem.grid, number)))
        after = 0.0 if to_go is None else to_go[:, None, :]
        to_go = (best + after).max(axis=2)
        stages.append(StageAhead(parts=parts, best=best, to_go=to_go))
    entry = priced([problem.value.entry, *(cost.entry for cost in problem.costs)], prices)
    entry = np.broadcast_to(entry, (len(entry), len(problem.grid.enters.codes)))
    base = priced([problem.value.base, *(cost.base for cost in problem.costs)], prices)
    assert to_go is not None
    bound = base + (entry + to_go).max(axis=1) + prices @ problem.limits
    return Relaxed(prices=prices, bound=bound, entry=entry, stages=tuple(reversed(stages)))


def _widths(grid: Grid, number: int) -> tuple[int, int]:
    """How many widths a stage may be entered and left with."""
    enters = grid.stages[number - 1].leaves if number else grid.enters
    return len(enters.codes), len(grid.stages[number].leaves.codes)


def stage_best(depths: NDArray[np.int16], parts: StageParts) -> Floats:
    """Worth of the best depth and blocks of a stage, (R, E, L)."""
    ahead = np.zeros((*parts.depths.shape[:3], parts.blocks.shape[3] + 1))
    if parts.blocks.shape[3]:
        np.cumsum(parts.blocks.max(axis=4), axis=3, out=ahead[..., 1:])
    places = np.minimum(depths, parts.blocks.shape[3])
    return np.asarray((parts.depths + ahead[..., places]).max(axis=3))


def least_bound(problem: Separable) -> Relaxed:
    """Find prices at which the bound is low: by a line search for each in turn.

    With one limit that comes to the lowest there is, to a hundredth of the price; with several
    it is where supernet.search.dual_descent begins.
    """
    limits = len(problem.limits)
    resolutions = max(len(part.base) for part in (problem.value, *problem.costs))
    prices = np.zeros((resolutions, limits))
    if not limits:
        return relax(problem, prices)
    many = repeated(problem, _TRIED)
    scale = problem.whole / problem.limits
    for k in range(limits):
        tried = _around(prices[:, k], scale[k])
        for _ in range(_REFINED):
            prices[:, k], tried = _best_of(many, prices, k, tried)
    return relax(problem, prices)


def _around(prices: Floats, scale: float) -> Floats:
    """Prices (R, tried), ascending: none, and all sizes that may matter; the one in hand too."""
    sizes = scale * np.geomspace(2.0**-9, 2.0**5, _TRIED - 2)
    spread = np.broadcast_to(sizes, (len(prices), len(sizes)))
    return np.sort(np.concatenate([np.zeros((len(prices), 1)), prices[:, None], spread], axis=1))


def _best_of(many: Separable, prices: Floats, k: int, tried: Floats) -> tuple[Floats, Floats]:
    """The best of the prices tried (R, tried) on limit `k`, and what to try between its sides."""
    rows = np.repeat(prices, _TRIED, axis=0)
    rows[:, k] = tried.ravel()
    bound = relax(many, rows).bound.reshape(tried.shape)
    place = bound.argmin(axis=1)
    at = np.arange(len(tried))
    low = tried[at, np.maximum(place - 1, 0)]
    high = tried[at, np.minimum(place + 1, _TRIED - 1)]
    return tried[at, place], np.linspace(low, high, _TRIED, axis=1)


def repeated(problem: Separable, times: int) -> Separable:
    """The same problem with each resolution `times` over; what has one for all keeps that."""

    def rows(values: Floats) -> Floats:
        return values.repeat(times, axis=0) if len(values) > 1 else values

    def repeat(parts: GridSum) -> GridSum:
        return GridSum(
            base=rows(parts.base),
            entry=rows(parts.entry),
            stages=tuple(
                StageParts(depths=rows(stage.depths), blocks=rows(stage.blocks))
                for stage in parts.stages
            ),
        )

    return replace(
        problem, value=repeat(problem.value), costs=tuple(repeat(cost) for cost in problem.costs)
    )


def priced(parts: Sequence[Floats], prices: Floats) -> Floats:
    """First of the parts less prices (R, K) times the others, by broadcasting."""
    value, *costs = parts
    for k, cost in enumerate(costs):
        value = value - prices[:, k].reshape(-1, *(1,) * (cost.ndim - 1)) * cost
    return value


def _priced_stage(problem: Separable, number: int, prices: Floats) -> StageParts:
    stages = [problem.value.stages[number], *(cost.stages[number] for cost in problem.costs)]
    return StageParts(
        depths=priced([stage.depths for stage in stages], prices),
        blocks=priced([stage.blocks for stage in stages], prices),
    )


def least_of(value: GridSum) -> float:
    """What no network is worth less than."""
    least = float(value.base.min() + value.entry.min())
    for stage in value.stages:
        least += float(stage.depths.min())
        for block in np.moveaxis(stage.blocks, 3, 0):
            least += float(min(block.min(), 0.0))
    return least


def spread_of(value: GridSum) -> float:
    """How much all choices together can change, and no less; a block may be absent too."""
    total = float(np.ptp(value.base) + np.ptp(value.entry)) + 1e-12
    for stage in value.stages:
        total += float(np.ptp(stage.depths))
        for block in np.moveaxis(stage.blocks, 3, 0):
            total += float(max(block.max(), 0.0) - min(block.min(), 0.0))
    return total
