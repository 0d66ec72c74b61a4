"""Choices of a space laid out as arrays: by resolution, stage, depth, block and option.

What adds up over choices, a cost or a linear model of accuracy, is `GridSum`: its shares by choice.
Axes are R resolutions, E and L widths that a stage is entered and left with, D depths, S blocks
of a stage, O options of a block (its kernel and expansion). An axis on which nothing depends may
have length 1.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.additive_costs import Additive
from supernet.constraints.choice_effects import WidthChoice, chain_of, reference_costs
from supernet.constraints.constraints import Costs
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGrid:
    """One stage's choices. Blocks' `kernels` and `expands` are columns; `options` (S, O, 2).

    A block with fewer options than others has its last one again.
    """

    column: int
    depths: Codes
    leaves: WidthChoice
    kernels: tuple[int, ...]
    expands: tuple[int, ...]
    options: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """All choices of a layout; `template` (columns,) is a code without elastic blocks."""

    layout: Layout
    template: Codes
    resolutions: Codes
    enters: WidthChoice
    stages: tuple[StageGrid, ...]

    @classmethod
    def of(cls, layout: Layout) -> Self | None:
        """Lay the choices out; None where widths are no chain through the stages."""
        chain = chain_of(layout)
        if chain is None:
            return None
        template = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
        for group in layout.groups:
            template[group] = 0
        return cls(
            layout=layout,
            template=template,
            resolutions=np.array(layout.columns[0].values, dtype=np.int16),
            enters=chain[0],
            stages=tuple(
                _stage(layout, number, chain[number + 1]) for number in range(layout.depths)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageParts:
    """Shares of one stage: `depths` (R, E, L, D) and `blocks` (R, E, L, S, O)."""

    depths: Floats
    blocks: Floats

    def at(self, resolution: int) -> "StageParts":
        """Return the shares at one resolution, by its place."""
        return StageParts(
            depths=at_resolution(self.depths, resolution),
            blocks=at_resolution(self.blocks, resolution),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSum:
    """A sum: `base` (R,) + `entry` (R, E) of the first width + one share for each choice made."""

    base: Floats
    entry: Floats
    stages: tuple[StageParts, ...]

    @classmethod
    def of_costs(cls, grid: Grid, costs: Costs) -> Self | None:
        """Take a cost apart; None where it is no such sum. No share is below 0.

        The base is infinite, and all else 0, at a resolution at which no network can run.
        """
        runs = np.isfinite(reference_costs(grid.layout, costs))
        if not runs.any():
            return None
        narrow = grid.layout.narrowed(grid.resolutions[runs].tolist())
        additive = Additive.of(narrow, costs)
        if additive is None:
            return None

        def every(values: Floats, elsewhere: float = 0.0) -> Floats:
            whole = np.full((len(runs), *values.shape[1:]), elsewhere)
            whole[runs] = values
            return whole

        stages = []
        for stage, of_stage in zip(grid.stages, additive.stages, strict=True):
            blocks = np.zeros((*of_stage.costs.shape[:3], *stage.options.shape[:2]))
            for place, slot in enumerate(of_stage.slots):
                options = slot.costs.shape[3]
                blocks[..., place, :options] = slot.costs
                blocks[..., place, options:] = slot.costs[..., -1:]
            stages.append(StageParts(depths=every(of_stage.costs), blocks=every(blocks)))
        return cls(
            base=every(additive.least, np.inf), entry=every(additive.entry), stages=tuple(stages)
        )

    def at(self, resolution: int) -> "GridSum":
        """Return the shares at one resolution, by its place."""
        return GridSum(
            base=at_resolution(self.base, resolution),
            entry=at_resolution(self.entry, resolution),
            stages=tuple(stage.at(resolution) for stage in self.stages),
        )


def at_resolution(values: Floats, resolution: int) -> Floats:
    """Return that of one resolution, by its place; the axis stays, with length 1."""
    place = resolution if len(values) > 1 else 0
    return values[place : place + 1]


def _stage(layout: Layout, number: int, leaves: WidthChoice) -> StageGrid:
    places = [place for place, (stage, _) in enumerate(layout.slots) if stage == number]
    kernels = tuple(layout.kernel_start + place for place in places)
    expands = tuple(layout.expand_start + place for place in places)
    by_block = [
        [(k, e) for k in layout.columns[kernel].values for e in layout.columns[expand].values]
        for kernel, expand in zip(kernels, expands, strict=True)
    ]
    most = max((len(options) for options in by_block), default=1)
    padded = [options + options[-1:] * (most - len(options)) for options in by_block]
    return StageGrid(
        column=1 + number,
        depths=np.array(layout.columns[1 + number].values, dtype=np.int16),
        leaves=leaves,
        kernels=kernels,
        expands=expands,
        options=np.array(padded, dtype=np.int16).reshape(len(places), most, 2),
    )
