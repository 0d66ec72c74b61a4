"""Networks within a limit that few meet, drawn by counting how many there are.

Dynamic programming over a binned cost. Each part of the cost is rounded down, so that no network
within the limit is lost: what is drawn is uniform among the networks whose binned cost fits, and
the few of them whose true cost does not are for the caller to reject.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.codes import Codes
from supernet.sampling.additive import Additive, StageCost

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]
BINS = 1024  # of what the cheapest network leaves; each of some 20 parts loses half a bin
_SLIP = 1e-9  # of the limit: sums in another order differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class _StageTable:
    """One stage: bins of its depths and of its blocks' choices, and what is ahead of them.

    `ahead[depth][j]` (resolutions, bins + 1) is the chance that what follows the first `j` blocks
    of a stage so deep, drawn uniformly, fits into what is left; column 0 where nothing is left.
    """

    cost: StageCost
    depth_bins: Bins
    slot_bins: tuple[Bins, ...]
    ahead: tuple[tuple[Floats, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Draws uniformly among networks whose cost, rounded down in parts, is within a limit.

    `shares` (resolutions,) is what part of each resolution's uniform draws that is.
    """

    additive: Additive
    shares: Floats
    tables: tuple[_StageTable, ...]
    bins: int

    @classmethod
    def of(cls, additive: Additive, limit: float, bins: int = BINS) -> Self:
        """Count the networks of each resolution within `limit`."""
        slack = limit * (1 + _SLIP) - additive.least
        width = np.where(slack > 0, slack, 1.0) / bins
        after = np.ones((len(slack), bins + 2))
        after[:, 0] = 0.0
        tables: list[_StageTable] = []
        for stage in reversed(additive.stages):
            table, after = _stage_table(stage, width, bins, after)
            tables.append(table)
        return cls(
            additive=additive,
            shares=np.where(slack > 0, after[:, bins + 1], 0.0),
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
        drawn = _pick(np.broadcast_to(self.shares, (int(is_open.sum()), len(of_space))), rng)
        at[is_open] = drawn
        codes = np.repeat(self.additive.template[None], len(at), axis=0)
        codes[:, 0] = of_space[at]
        left = np.full(len(at), self.bins)
        for table in self.tables:
            _draw_stage(table, rng, codes, at, left)
        return codes


def _stage_table(
    stage: StageCost, width: Floats, bins: int, after: Floats
) -> tuple[_StageTable, Floats]:
    """Tables of a stage from those `after` it, and the chance that it and all after it fit."""
    depth_bins = _binned(stage.costs, width, bins)
    slot_bins = tuple(_binned(slot.costs, width, bins) for slot in stage.slots)
    ahead, total = [], np.zeros_like(after)
    for number, depth in enumerate(stage.depths.tolist()):
        chances = [after]
        for of_slot in reversed(slot_bins[:depth]):
            moved = [_spent(chances[-1], of_slot[:, option]) for option in range(of_slot.shape[1])]
            chances.append(np.mean(moved, axis=0))
        total += _spent(chances[-1], depth_bins[:, number]) / len(stage.depths)
        ahead.append(tuple(reversed(chances)))
    table = _StageTable(cost=stage, depth_bins=depth_bins, slot_bins=slot_bins, ahead=tuple(ahead))
    return table, total


def _binned(costs: Floats, width: Floats, bins: int) -> Bins:
    """Costs in whole bins, rounded down; one bin more than there are for what never fits."""
    return np.clip(np.floor(costs / width[:, None]), 0, bins + 1).astype(np.int64)


def _spent(chances: Floats, by: Bins) -> Floats:
    """Chances once `by` (resolutions,) bins are spent: what is left is that much less."""
    places = np.arange(chances.shape[1])[None] - by[:, None]
    return np.take_along_axis(chances, np.maximum(places, 0), axis=1)


def _draw_stage(
    table: _StageTable, rng: np.random.Generator, codes: Codes, at: Bins, left: Bins
) -> None:
    """Fill one stage into `codes` and take its bins off `left`, both in place."""
    firsts = [of_depth[0] for of_depth in table.ahead]
    by_depth = _looked_up(firsts, at, left[:, None] - table.depth_bins[at])
    depth = _pick(by_depth, rng)
    codes[:, table.cost.column] = table.cost.depths[depth]
    left -= table.depth_bins[at, depth]
    for number, blocks in enumerate(table.cost.depths.tolist()):
        rows = np.flatnonzero(depth == number)
        for place in range(min(blocks, len(table.slot_bins))):
            slot, bins = table.cost.slots[place], table.slot_bins[place][at[rows]]
            then = [table.ahead[number][place + 1]] * bins.shape[1]
            option = _pick(_looked_up(then, at[rows], left[rows, None] - bins), rng)
            codes[rows, slot.kernel_column] = slot.choices[option, 0]
            codes[rows, slot.expand_column] = slot.choices[option, 1]
            left[rows] -= bins[np.arange(len(rows)), option]


def _looked_up(tables: Sequence[Floats], at: Bins, left: Bins) -> Floats:
    """Chance of each option (rows, options) by its own table and what it leaves, in bins."""
    places = np.maximum(left + 1, 0)
    columns = [table[at, places[:, option]] for option, table in enumerate(tables)]
    return np.stack(columns, axis=1)


def _pick(weights: Floats, rng: np.random.Generator) -> Bins:
    """One option a row, in proportion to its weights (rows, options)."""
    sums = np.cumsum(weights, axis=1)
    points = rng.random(len(sums)) * sums[:, -1]
    picked = (points[:, None] >= sums).sum(axis=1)
    return np.asarray(np.minimum(picked, weights.shape[1] - 1))
