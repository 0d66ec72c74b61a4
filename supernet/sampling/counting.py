"""Draw networks within a tight limit exactly, by counting them.

Dynamic programming over a binned cost. Each term of the cost is rounded down, so that no network
within the limit is lost: draws are uniform among the networks whose binned cost is within the
limit, and the caller rejects the few whose true cost is not.
"""

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.additive_costs import AdditiveCost, StageCost
from supernet.space.codes import Codes

Floats = NDArray[np.float64]
Bins = NDArray[np.int64]
_Number = TypeVar("_Number", np.float64, np.int64)
BINS = 1024  # of the limit minus the cheapest network; each of about 20 terms loses half a bin
_SLIP = 1e-9  # relative tolerance for rounding of sums in another order


@dataclass(frozen=True, slots=True, kw_only=True)
class _StageTable:
    """Tables of one stage: bins of its depths and blocks' choices, and chances of completion.

    Bins are (kinds, choices); a kind is a resolution with an input and an output width of the
    stage. `ahead[depth][j]` (kinds, bins + 2) is the probability that uniform choices after the
    first `j` blocks of a stage of this depth fit into the remaining bins: column 0 for less than 0
    remaining bins, column 1 for 0.
    """

    cost: StageCost
    depth_bins: Bins
    slot_bins: tuple[Bins, ...]
    ahead: tuple[tuple[Floats, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """Partially drawn networks: codes (n, columns), and remaining bins (n,), updated in place."""

    rng: np.random.Generator
    codes: Codes
    left: Bins


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Draws uniformly among networks whose cost, with terms rounded down, is within a limit.

    `shares` (resolutions,) are the shares of such networks among uniform draws of each resolution,
    `by_entry` (resolutions, widths) those for each entry width, with bins `entry_bins`.
    """

    additive: AdditiveCost
    shares: Floats
    by_entry: Floats
    entry_bins: Bins
    tables: tuple[_StageTable, ...]
    bins: int

    @classmethod
    def of(cls, additive: AdditiveCost, limit: float, bins: int = BINS) -> Self:
        """Count the networks of each resolution within `limit`."""
        slack = limit * (1 + _SLIP) - additive.least
        width = np.where(slack > 0, slack, 1.0) / bins
        after = np.ones((len(slack), len(additive.stages[-1].output_width.codes), bins + 2))
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
        """Draw independent networks (n, columns), one per row; see `feasible.Propose`.

        Free resolutions are drawn in proportion to their numbers of networks.
        """
        space_resolutions = self.additive.resolutions
        resolution = np.searchsorted(space_resolutions, resolutions)
        is_open = resolutions == 0
        resolution[is_open] = _pick(np.tile(self.shares, (int(is_open.sum()), 1)), rng)
        codes = np.repeat(self.additive.template[None], len(resolution), axis=0)
        codes[:, 0] = space_resolutions[resolution]
        width = _pick(self.by_entry[resolution], rng)
        self.additive.input_width.write(codes, width)
        left = self.bins - self.entry_bins[resolution, width]
        drawing = _Drawing(rng=rng, codes=codes, left=left)
        for table in self.tables:
            width = _draw_stage(table, drawing, resolution * table.cost.costs.shape[1] + width)
        return codes


def _stage_table(
    stage: StageCost, width: Floats, bins: int, after: Floats
) -> tuple[_StageTable, Floats]:
    """Return the tables of a stage from those `after` it, and the chances including the stage.

    Chances are (resolutions, widths between two stages, bins + 2).
    """
    resolutions, inputs, outputs, depths = stage.costs.shape
    depth_bins = _kinds(_binned(stage.costs, width, bins))
    slot_bins = tuple(_kinds(_binned(slot.costs, width, bins)) for slot in stage.slots)
    chances_after = np.broadcast_to(after[:, None], (resolutions, inputs, outputs, bins + 2))
    ahead, total = [], np.zeros((resolutions * inputs * outputs, bins + 2))
    for number, depth in enumerate(stage.depths.tolist()):
        chances = [_kinds(chances_after)]
        for option_bins in reversed(slot_bins[:depth]):
            summed = np.zeros_like(total)
            for option in range(option_bins.shape[1]):
                summed += _after_spending(chances[-1], option_bins[:, option])
            chances.append(summed / option_bins.shape[1])
        total += _after_spending(chances[-1], depth_bins[:, number]) / depths
        ahead.append(tuple(reversed(chances)))
    table = _StageTable(cost=stage, depth_bins=depth_bins, slot_bins=slot_bins, ahead=tuple(ahead))
    return table, total.reshape(resolutions, inputs, outputs, -1).mean(axis=2)


def _kinds(values: NDArray[_Number]) -> NDArray[_Number]:
    """Reshape (resolutions, inputs, outputs, any) to (kinds, any)."""
    return values.reshape(-1, values.shape[-1])


def _binned(costs: Floats, width: Floats, bins: int) -> Bins:
    """Convert costs to bins, rounded down; `bins` + 1 for costs that never fit."""
    bin_width = width.reshape(-1, *(1,) * (costs.ndim - 1))
    return np.clip(np.floor(costs / bin_width), 0, bins + 1).astype(np.int64)


def _after_spending(chances: Floats, by: Bins) -> Floats:
    """Return chances (kinds, bins + 2) after spending `spent` (kinds,) bins."""
    places = np.arange(chances.shape[1])[None] - by[:, None]
    return np.take_along_axis(chances, np.maximum(places, 0), axis=1)


def _draw_stage(table: _StageTable, drawing: _Drawing, entered: Bins) -> Bins:
    """Draw one stage, and return its output widths, (n,).

    `entered` (n,) are indices of pairs of resolution and input width.
    """
    codes, remaining = drawing.codes, drawing.left
    outputs, depths = table.cost.costs.shape[2:]
    kinds = entered[:, None] * outputs + np.arange(outputs)
    bins = table.depth_bins[kinds].reshape(len(kinds), outputs * depths)
    chances = np.stack([depth_chances[0] for depth_chances in table.ahead])
    depth_index, kind_of = np.tile(np.arange(depths), outputs), kinds.repeat(depths, axis=1)
    choice = _pick(chances[depth_index, kind_of, _column(remaining, bins)], drawing.rng)
    width, depth = np.divmod(choice, depths)
    codes[:, table.cost.column] = table.cost.depths[depth]
    table.cost.output_width.write(codes, width)
    remaining -= bins[np.arange(len(bins)), choice]
    for number in range(depths):
        rows = np.flatnonzero(depth == number)
        _draw_blocks(table, drawing, number, rows, kinds[rows, width[rows]])
    return width


def _draw_blocks(
    table: _StageTable, drawing: _Drawing, number: int, rows: Bins, kinds: Bins
) -> None:
    """Draw the blocks of these rows, which all have depth number `number` of the stage."""
    for block, slot in enumerate(table.cost.slots[: table.cost.depths[number]]):
        bins = table.slot_bins[block][kinds]
        chances = table.ahead[number][block + 1]
        columns = _column(drawing.left[rows], bins)
        option = _pick(chances[kinds[:, None], columns], drawing.rng)
        drawing.codes[rows, slot.kernel_column] = slot.choices[option, 0]
        drawing.codes[rows, slot.expand_column] = slot.choices[option, 1]
        drawing.left[rows] -= bins[np.arange(len(rows)), option]


def _column(remaining: Bins, bins: Bins) -> Bins:
    """Return table columns for the remaining bins after spending each of `bins` (n, options)."""
    return np.asarray(np.maximum(remaining[:, None] - bins + 1, 0))


def _pick(weights: Floats, rng: np.random.Generator) -> Bins:
    """Draw an option per row, in proportion to its weights (rows, options)."""
    sums = np.cumsum(weights, axis=1)
    points = rng.random(len(sums)) * sums[:, -1]
    picked = (points[:, None] >= sums).sum(axis=1)
    return np.asarray(np.minimum(picked, weights.shape[1] - 1))
