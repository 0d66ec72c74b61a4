"""Lagrangian bound: the best network where prices replace the limits.

With a price on each cost, choices are independent, and the best is chosen for each. Its value plus
the prices times the limits is an upper bound for all networks within the limits. Prices are changed
to minimise this bound (Fisher 1981, "The Lagrangian Relaxation Method for Solving Integer
Programming Problems").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats, Grid, GridSum, StageParts, at_resolution

_TRIED = 16  # prices per line search
_REFINED = 3  # line searches: first over magnitudes, then between the neighbours of the best


@dataclass(frozen=True, slots=True, kw_only=True)
class Separable:
    """Maximise a value with `costs` within `limits` (K,), all of them sums over choices.

    `spread` is the range of the relevant values, by default of all values.
    """

    grid: Grid
    value: GridSum
    costs: tuple[GridSum, ...]
    limits: Floats
    spread: float | None = None

    @property
    def value_spread(self) -> float:
        """Range of the values."""
        return spread_of(self.value) if self.spread is None else self.spread

    def at(self, resolution: int) -> "Separable":
        """Return the problem of one resolution, given its index."""
        return replace(
            self,
            value=self.value.at(resolution),
            costs=tuple(cost.at(resolution) for cost in self.costs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAhead:
    """Reduced values of a stage at given prices.

    `best` (R, E, L) is for its best depth and blocks, `to_go` (R, E) for it and all later stages.
    `parts` are its terms: value minus prices times costs.
    """

    parts: StageParts
    best: Floats
    to_go: Floats

    def at(self, resolution: int) -> "StageAhead":
        """Return the part of one resolution, given its index."""
        return StageAhead(
            parts=self.parts.at(resolution),
            best=at_resolution(self.best, resolution),
            to_go=at_resolution(self.to_go, resolution),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """The relaxation at `prices` (R, K): `bound` (R,) on the value within the limits."""

    prices: Floats
    bound: Floats
    entry: Floats
    stages: tuple[StageAhead, ...]

    def after(self, number: int) -> Floats:
        """Return the best value of all later stages, by the output width of a stage, (R, L)."""
        if number + 1 < len(self.stages):
            return self.stages[number + 1].to_go
        return np.zeros((1, 1))

    def at(self, resolution: int) -> "Relaxation":
        """Return the part of one resolution, given its index."""
        return Relaxation(
            prices=self.prices[resolution : resolution + 1],
            bound=self.bound[resolution : resolution + 1],
            entry=at_resolution(self.entry, resolution),
            stages=tuple(stage.at(resolution) for stage in self.stages),
        )


def relax(problem: Separable, prices: Floats) -> Relaxation:
    """Compute the relaxation at these prices (R, K)."""
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
    entry = np.broadcast_to(entry, (len(entry), len(problem.grid.input_width.codes)))
    base = priced([problem.value.base, *(cost.base for cost in problem.costs)], prices)
    assert to_go is not None
    bound = base + (entry + to_go).max(axis=1) + prices @ problem.limits
    return Relaxation(prices=prices, bound=bound, entry=entry, stages=tuple(reversed(stages)))


def _widths(grid: Grid, number: int) -> tuple[int, int]:
    """Return the numbers of input and output widths of a stage."""
    input_width = grid.stages[number - 1].output_width if number else grid.input_width
    return len(input_width.codes), len(grid.stages[number].output_width.codes)


def stage_best(depths: NDArray[np.int16], parts: StageParts) -> Floats:
    """Return the value of the best depth and blocks of a stage, (R, E, L)."""
    block_sums = np.zeros((*parts.depths.shape[:3], parts.blocks.shape[3] + 1))
    if parts.blocks.shape[3]:
        np.cumsum(parts.blocks.max(axis=4), axis=3, out=block_sums[..., 1:])
    counts = np.minimum(depths, parts.blocks.shape[3])
    return np.asarray((parts.depths + block_sums[..., counts]).max(axis=3))


def least_bound(problem: Separable) -> Relaxation:
    """Find prices with a low bound, by a line search over each price in turn.

    With one limit, the result is the minimum, to a hundredth of the price; with several, it is the
    start of supernet.search.dual_descent.
    """
    limits = len(problem.limits)
    resolutions = max(len(part.base) for part in (problem.value, *problem.costs))
    prices = np.zeros((resolutions, limits))
    if not limits:
        return relax(problem, prices)
    batch = repeated(problem, _TRIED)
    scale = problem.value_spread / problem.limits
    for k in range(limits):
        candidates = _around(prices[:, k], scale[k])
        for _ in range(_REFINED):
            prices[:, k], candidates = _best_of(batch, prices, k, candidates)
    return relax(problem, prices)


def _around(prices: Floats, scale: float) -> Floats:
    """Return candidate prices (R, tried), ascending: 0, the current one, and all magnitudes."""
    sizes = scale * np.geomspace(2.0**-9, 2.0**5, _TRIED - 2)
    spread = np.broadcast_to(sizes, (len(prices), len(sizes)))
    return np.sort(np.concatenate([np.zeros((len(prices), 1)), prices[:, None], spread], axis=1))


def _best_of(batch: Separable, prices: Floats, k: int, candidates: Floats) -> tuple[Floats, Floats]:
    """Return the best of the candidates (R, tried) for limit `k`, and finer ones around it."""
    rows = np.repeat(prices, _TRIED, axis=0)
    rows[:, k] = candidates.ravel()
    bound = relax(batch, rows).bound.reshape(candidates.shape)
    best = bound.argmin(axis=1)
    rows_ = np.arange(len(candidates))
    low = candidates[rows_, np.maximum(best - 1, 0)]
    high = candidates[rows_, np.minimum(best + 1, _TRIED - 1)]
    return candidates[rows_, best], np.linspace(low, high, _TRIED, axis=1)


def repeated(problem: Separable, times: int) -> Separable:
    """Return the problem with each resolution repeated; arrays shared by all stay as they are."""

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
    """Return the first part minus prices (R, K) times the other parts, by broadcasting."""
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


def lower_bound(value: GridSum) -> float:
    """Return a lower bound of the value over all networks."""
    least = float(value.base.min() + value.entry.min())
    for stage in value.stages:
        least += float(stage.depths.min())
        for block in np.moveaxis(stage.blocks, 3, 0):
            least += float(min(block.min(), 0.0))
    return least


def spread_of(value: GridSum) -> float:
    """Return an upper bound of the range of values, where blocks may also be absent."""
    total = float(np.ptp(value.base) + np.ptp(value.entry)) + 1e-12
    for stage in value.stages:
        total += float(np.ptp(stage.depths))
        for block in np.moveaxis(stage.blocks, 3, 0):
            total += float(max(block.max(), 0.0) - min(block.min(), 0.0))
    return total
