"""The best network where limits have a price instead: Lagrangian relaxation.

With a price on each cost, choices come apart and the best is picked one by one; what it is worth,
plus the price of all that the limits allow, is a bound that no network within the limits exceeds.
Prices are raised or lowered until that bound is as low as it gets (Fisher 1981, "The Lagrangian
Relaxation Method for Solving Integer Programming Problems").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats, Grid, Parts, Places, StageParts, at_resolution

_DOUBLINGS = 20  # of a price by four, until what is picked is within the limit
_HALVINGS = 40
_NEAR = 0.01  # relative: a price nearer to the best one lowers the bound by nothing that matters
_STEPS = 30  # of the prices, where there are several limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Separable:
    """A value to be made large, `costs` to be kept within `limits` (K,), all of them sums."""

    grid: Grid
    value: Parts
    costs: tuple[Parts, ...]
    limits: Floats

    def at(self, resolution: int) -> "Separable":
        """Return the same at one resolution, by its place."""
        return Separable(
            grid=self.grid,
            value=self.value.at(resolution),
            costs=tuple(cost.at(resolution) for cost in self.costs),
            limits=self.limits,
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
        after = 0.0 if to_go is None else to_go[:, None, :]
        to_go = (best + after).max(axis=2)
        stages.append(StageAhead(parts=parts, best=best, to_go=to_go))
    entry = priced([problem.value.entry, *(cost.entry for cost in problem.costs)], prices)
    base = priced([problem.value.base, *(cost.base for cost in problem.costs)], prices)
    assert to_go is not None
    bound = base + (entry + to_go).max(axis=1) + prices @ problem.limits
    return Relaxed(prices=prices, bound=bound, entry=entry, stages=tuple(reversed(stages)))


def stage_best(depths: NDArray[np.int16], parts: StageParts) -> Floats:
    """Worth of the best depth and blocks of a stage, (R, E, L)."""
    ahead = np.zeros((*parts.depths.shape[:3], parts.blocks.shape[3] + 1))
    if parts.blocks.shape[3]:
        np.cumsum(parts.blocks.max(axis=4), axis=3, out=ahead[..., 1:])
    places = np.minimum(depths, parts.blocks.shape[3])
    return np.asarray((parts.depths + ahead[..., places]).max(axis=3))


def least_bound(problem: Separable, start: Floats | None = None) -> Relaxed:
    """Find prices at which the bound is low; with one limit, the lowest there is."""
    resolutions = max(len(cost.base) for cost in (problem.value, *problem.costs))
    prices = np.zeros((resolutions, len(problem.costs)))
    free = relax(problem, prices)
    if not problem.costs:
        return free
    if len(problem.costs) == 1:
        return _by_halving(problem, free)
    return _by_steps(problem, free, start)


def picked_costs(problem: Separable, relaxed: Relaxed) -> Floats:
    """Cost by limit of the network that is best at these prices, (R, K)."""
    found = np.stack([cost.base for cost in problem.costs], axis=1)
    found = np.broadcast_to(found, relaxed.prices.shape).copy()
    rows = np.arange(len(found))
    width = (relaxed.entry + relaxed.stages[0].to_go).argmax(axis=1)
    for k, cost in enumerate(problem.costs):
        found[:, k] += _at(cost.entry, rows, width)
    for number, ahead in enumerate(relaxed.stages):
        whole = ahead.best + relaxed.after(number)[:, None, :]
        width_in, width = width, _at(whole, rows, width).argmax(axis=1)
        _add_stage(problem, number, ahead.parts, (rows, width_in, width), found)
    return found


def _add_stage(
    problem: Separable,
    number: int,
    parts: StageParts,
    place: tuple[Places, Places, Places],
    found: Floats,
) -> None:
    """Add the costs of a stage's best depth and blocks."""
    depths = problem.grid.stages[number].depths
    own_blocks, own_depths = _at(parts.blocks, *place), _at(parts.depths, *place)
    ahead = np.zeros((len(found), own_blocks.shape[1] + 1))
    if own_blocks.shape[1]:
        np.cumsum(own_blocks.max(axis=2), axis=1, out=ahead[:, 1:])
    options = own_blocks.argmax(axis=2)
    depth = (own_depths + ahead[:, np.minimum(depths, own_blocks.shape[1])]).argmax(axis=1)
    present = np.arange(own_blocks.shape[1]) < depths[depth][:, None]
    rows = place[0]
    for k, cost in enumerate(problem.costs):
        stage = cost.stages[number]
        found[:, k] += _at(stage.depths, *place)[rows, depth]
        of_blocks = np.take_along_axis(_at(stage.blocks, *place), options[..., None], axis=2)
        found[:, k] += (of_blocks[..., 0] * present).sum(axis=1)


def _at(values: Floats, *places: Places) -> Floats:
    """Take by the first axes, of which one of length 1 has the same for all."""
    index = tuple(
        place if length > 1 else np.zeros_like(place)
        for place, length in zip(places, values.shape, strict=False)
    )
    found: Floats = values[index]
    return found


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


def _by_halving(problem: Separable, free: Relaxed) -> Relaxed:
    """The price at which the best network comes to be within the limit, by resolution.

    It costs less as the price rises; where that passes the limit the bound is lowest.
    """
    limit = problem.limits[0]
    low = np.zeros(len(free.bound))
    over = picked_costs(problem, free)[:, 0] > limit
    spread = float(np.ptp(free.bound)) + spread_of(problem.value)
    high = np.where(over, 0.1 * spread / limit, 0.0)
    for _ in range(_DOUBLINGS):
        still = over & (picked_costs(problem, relax(problem, high[:, None]))[:, 0] > limit)
        if not still.any():
            break
        low, high = np.where(still, high, low), np.where(still, 4 * high, high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = picked_costs(problem, relax(problem, middle[:, None]))[:, 0] > limit
        low, high = np.where(above, middle, low), np.where(above, high, middle)
        if (high - low <= _NEAR * high).all():
            break
    return relax(problem, high[:, None])


def _by_steps(problem: Separable, free: Relaxed, start: Floats | None) -> Relaxed:
    """Prices of several limits by subgradient steps; the lowest bound met is kept."""
    prices = np.zeros_like(free.prices) if start is None else start
    scale = spread_of(problem.value) / problem.limits
    best = free
    for step in range(_STEPS):
        relaxed = relax(problem, prices)
        lower = relaxed.bound < best.bound
        best = _choose(lower, relaxed, best) if lower.any() else best
        over = picked_costs(problem, relaxed) / problem.limits - 1
        length = np.abs(over).max(axis=1, keepdims=True)
        stride = scale * 0.5 / (1 + step) / np.maximum(length, 1e-12)
        prices = np.maximum(prices + stride * over, 0.0)
    return relax(problem, best.prices)


def _choose(rows: NDArray[np.bool_], new: Relaxed, old: Relaxed) -> Relaxed:
    """Prices and bounds of each resolution from one of two."""
    return Relaxed(
        prices=np.where(rows[:, None], new.prices, old.prices),
        bound=np.where(rows, new.bound, old.bound),
        entry=old.entry,
        stages=old.stages,
    )


def spread_of(value: Parts) -> float:
    """Rough size of what all choices together can change."""
    total = float(np.ptp(value.base)) + 1e-12
    for stage in value.stages:
        for part in (stage.depths, *np.moveaxis(stage.blocks, 3, 0)):
            finite = part[np.isfinite(part)]
            total += float(np.ptp(finite)) if finite.size else 0.0
    return total
