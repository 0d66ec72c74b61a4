"""Exact draws of networks within a tight limit, by counting them.

Dynamic programming over a binned cost. Each part of the cost is rounded down, so that no network
within the limit is lost: what is drawn is uniform among the networks whose binned cost fits, and
the few of them whose true cost does not are for the caller to reject.
"""

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.additive_costs import Additive, StageCost
from supernet.space.codes import Codes

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]
_Number = TypeVar("_Number", np.float64, np.int64)
BINS = 1024  # of what the cheapest network leaves; each of some 20 parts loses half a bin
_SLIP = 1e-9  # of the limit: sums in another order differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class _StageTable:
    """One stage: bins of its depths and of its blocks' choices, and what is ahead of them.

    Bins are (kinds, choices), a kind being a resolution and the widths that the stage is entered
    and left with. `ahead[depth][j]` (kinds, bins + 2) is the chance that what follows the first
    `j` blocks of a stage so deep, drawn uniformly, fits into what is left: column 0 where less
    than nothing is left, column 1 where nothing.
    """

    cost: StageCost
    depth_bins: Bins
    slot_bins: tuple[Bins, ...]
    ahead: tuple[tuple[Floats, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """Networks half drawn: codes (n, columns), and bins (n,) left for the rest; both filled in."""

    rng: np.random.Generator
    codes: Codes
    left: Bins


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Draws uniformly among networks whose cost, rounded down in parts, is within a limit.

    `shares` (resolutions,) is what part of each resolution's uniform draws that is; `by_entry`
    (resolutions, widths) with each first width, in bins `entry_bins`.
    """

    additive: Additive
    shares: Floats
    by_entry: Floats
    entry_bins: Bins
    tables: tuple[_StageTable, ...]
    bins: int

    @classmethod
    def of(cls, additive: Additive, limit: float, bins: int = BINS) -> Self:
        """Count the networks of each resolution within `limit`."""
        slack = limit * (1 + _SLIP) - additive.least
        width = np.where(slack > 0, slack, 1.0) / bins
        after = np.ones((len(slack), len(additive.stages[-1].leaves.codes), bins + 2))
        after[..., 0] = 0.0
        tables: list[_StageTable] = []
        for stage in reversed(additive.stages):
            table, after = _stage_table(stage, width, bins, after)
            tables.append(table)
        entry_bins = _binned(additive.entry, width, bins)
        left = np.maximum(bins + 1 - entry_bins, 0)
        by_entry = np.take_along_axis(after, left[..., None], axis=2)[..., 0]
        by_entry[slack <= 0] = 0.0
        return cls(
            additive=additive,
            shares=by_entry.mean(axis=1),
            by_entry=by_entry,
            entry_bins=entry_bins,
            tables=tuple(reversed(tables)),
            bins=bins,
        )

    def propose(self, rng: np.random.Generator, resolutions: Codes) -> Codes:
        """Independent networks (n, columns), one a row; see `feasible.Propose`.

        Where a row's resolution is open, it has the share that its networks have.
        """
        of_space = self.additive.resolutions
        at = np.searchsorted(of_space, resolutions)
        is_open = resolutions == 0
        at[is_open] = _pick(np.tile(self.shares, (int(is_open.sum()), 1)), rng)
        codes = np.repeat(self.additive.template[None], len(at), axis=0)
        codes[:, 0] = of_space[at]
        width = _pick(self.by_entry[at], rng)
        self.additive.enters.put(codes, width)
        left = self.bins - self.entry_bins[at, width]
        drawing = _Drawing(rng=rng, codes=codes, left=left)
        for table in self.tables:
            width = _draw_stage(table, drawing, at * table.cost.costs.shape[1] + width)
        return codes


def _stage_table(
    stage: StageCost, width: Floats, bins: int, after: Floats
) -> tuple[_StageTable, Floats]:
    """Tables of a stage from those `after` it, and the chance that it and all after it fit.

    Both chances are (resolutions, widths between the two, bins + 2).
    """
    resolutions, enters, leaves, depths = stage.costs.shape
    depth_bins = _kinds(_binned(stage.costs, width, bins))
    slot_bins = tuple(_kinds(_binned(slot.costs, width, bins)) for slot in stage.slots)
    whole = np.broadcast_to(after[:, None], (resolutions, enters, leaves, bins + 2))
    ahead, total = [], np.zeros((resolutions * enters * leaves, bins + 2))
    for number, depth in enumerate(stage.depths.tolist()):
        chances = [_kinds(whole)]
        for of_slot in reversed(slot_bins[:depth]):
            moved = np.zeros_like(total)
            for option in range(of_slot.shape[1]):
                moved += _spent(chances[-1], of_slot[:, option])
            chances.append(moved / of_slot.shape[1])
        total += _spent(chances[-1], depth_bins[:, number]) / depths
        ahead.append(tuple(reversed(chances)))
    table = _StageTable(cost=stage, depth_bins=depth_bins, slot_bins=slot_bins, ahead=tuple(ahead))
    return table, total.reshape(resolutions, enters, leaves, -1).mean(axis=2)


def _kinds(of_stage: NDArray[_Number]) -> NDArray[_Number]:
    """From (resolutions, enters, leaves, any) to (kinds, any)."""
    return of_stage.reshape(-1, of_stage.shape[-1])


def _binned(costs: Floats, width: Floats, bins: int) -> Bins:
    """Costs in whole bins, rounded down; one bin more than there are for what never fits."""
    of_resolution = width.reshape(-1, *(1,) * (costs.ndim - 1))
    return np.clip(np.floor(costs / of_resolution), 0, bins + 1).astype(np.int64)


def _spent(chances: Floats, by: Bins) -> Floats:
    """Chances (kinds, bins + 2) once `by` (kinds,) bins are spent: what is left is less."""
    places = np.arange(chances.shape[1])[None] - by[:, None]
    return np.take_along_axis(chances, np.maximum(places, 0), axis=1)


def _draw_stage(table: _StageTable, drawing: _Drawing, entered: Bins) -> Bins:
    """Fill one stage in, and return the widths that it leaves with, (n,).

    `entered` (n,) counts pairs of a resolution and the width that the stage is entered with.
    """
    codes, left = drawing.codes, drawing.left
    leaves, depths = table.cost.costs.shape[2:]
    kinds = entered[:, None] * leaves + np.arange(leaves)
    bins = table.depth_bins[kinds].reshape(len(kinds), leaves * depths)
    chances = np.stack([of_depth[0] for of_depth in table.ahead])
    which, each = np.tile(np.arange(depths), leaves), kinds.repeat(depths, axis=1)
    picked = _pick(chances[which, each, _column(left, bins)], drawing.rng)
    width, depth = np.divmod(picked, depths)
    codes[:, table.cost.column] = table.cost.depths[depth]
    table.cost.leaves.put(codes, width)
    left -= bins[np.arange(len(bins)), picked]
    for number in range(depths):
        own = np.flatnonzero(depth == number)
        _draw_blocks(table, drawing, number, own, kinds[own, width[own]])
    return width


def _draw_blocks(
    table: _StageTable, drawing: _Drawing, number: int, rows: Bins, kinds: Bins
) -> None:
    """Fill in the blocks of these rows, all of depth `number` of the stage's."""
    for place, slot in enumerate(table.cost.slots[: table.cost.depths[number]]):
        bins = table.slot_bins[place][kinds]
        chances = table.ahead[number][place + 1]
        columns = _column(drawing.left[rows], bins)
        option = _pick(chances[kinds[:, None], columns], drawing.rng)
        drawing.codes[rows, slot.kernel_column] = slot.choices[option, 0]
        drawing.codes[rows, slot.expand_column] = slot.choices[option, 1]
        drawing.left[rows] -= bins[np.arange(len(rows)), option]


def _column(left: Bins, bins: Bins) -> Bins:
    """Columns of tables for what is left (n,) once each of `bins` (n, options) is spent."""
    return np.asarray(np.maximum(left[:, None] - bins + 1, 0))


def _pick(weights: Floats, rng: np.random.Generator) -> Bins:
    """One option a row, in proportion to its weights (rows, options)."""
    sums = np.cumsum(weights, axis=1)
    points = rng.random(len(sums)) * sums[:, -1]
    picked = (points[:, None] >= sums).sum(axis=1)
    return np.asarray(np.minimum(picked, weights.shape[1] - 1))
