"""Choices of a space as arrays by resolution, stage, depth, block and option.

`GridSum` holds the terms of a sum over choices, such as a cost or a linear model of accuracy. Axes
are R resolutions, E input and L output widths of a stage, D depths, S blocks of a stage, O options
of a block (its kernel and expansion). An axis without effect may have length 1.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.additive_costs import AdditiveCost
from supernet.constraints.choice_effects import WidthChoice, chain_of, reference_costs
from supernet.constraints.constraints import Costs
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGrid:
    """Choices of one stage: `kernels` and `expands` are columns of its blocks, `options` (S, O, 2).

    Blocks with fewer options repeat their last option.
    """

    column: int
    depths: Codes
    output_width: WidthChoice
    kernels: tuple[int, ...]
    expands: tuple[int, ...]
    options: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """All choices of a layout; `template` (columns,) is a code without elastic blocks."""

    layout: Layout
    template: Codes
    resolutions: Codes
    input_width: WidthChoice
    stages: tuple[StageGrid, ...]

    @classmethod
    def of(cls, layout: Layout) -> Self | None:
        """Return the grid of a layout; None where widths are not a chain through the stages."""
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
            input_width=chain[0],
            stages=tuple(
                _stage(layout, number, chain[number + 1]) for number in range(layout.depths)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageParts:
    """Terms of one stage: `depths` (R, E, L, D) and `blocks` (R, E, L, S, O)."""

    depths: Floats
    blocks: Floats

    def at(self, resolution: int) -> "StageParts":
        """Return the terms at one resolution, given its index."""
        return StageParts(
            depths=at_resolution(self.depths, resolution),
            blocks=at_resolution(self.blocks, resolution),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSum:
    """Sum over choices: `base` (R,) + `entry` (R, E) of the entry width + a term per choice."""

    base: Floats
    entry: Floats
    stages: tuple[StageParts, ...]

    @classmethod
    def of_costs(cls, grid: Grid, costs: Costs) -> Self | None:
        """Decompose a cost into terms of at least 0; None where it is not such a sum.

        At a resolution without networks that run, the base is infinite and all terms are 0.
        """
        runs = np.isfinite(reference_costs(grid.layout, costs))
        if not runs.any():
            return None
        runnable_layout = grid.layout.with_resolutions(grid.resolutions[runs].tolist())
        additive = AdditiveCost.of(runnable_layout, costs)
        if additive is None:
            return None

        def expand(values: Floats, default: float = 0.0) -> Floats:
            expanded = np.full((len(runs), *values.shape[1:]), default)
            expanded[runs] = values
            return expanded

        stages = []
        for stage, stage_costs in zip(grid.stages, additive.stages, strict=True):
            blocks = np.zeros((*stage_costs.costs.shape[:3], *stage.options.shape[:2]))
            for block, slot in enumerate(stage_costs.slots):
                options = slot.costs.shape[3]
                blocks[..., block, :options] = slot.costs
                blocks[..., block, options:] = slot.costs[..., -1:]
            stages.append(StageParts(depths=expand(stage_costs.costs), blocks=expand(blocks)))
        return cls(
            base=expand(additive.least, np.inf), entry=expand(additive.entry), stages=tuple(stages)
        )

    def at(self, resolution: int) -> "GridSum":
        """Return the terms at one resolution, given its index."""
        return GridSum(
            base=at_resolution(self.base, resolution),
            entry=at_resolution(self.entry, resolution),
            stages=tuple(stage.at(resolution) for stage in self.stages),
        )


def at_resolution(values: Floats, resolution: int) -> Floats:
    """Return the values of one resolution, given its index; the axis is kept with length 1."""
    index = resolution if len(values) > 1 else 0
    return values[index : index + 1]


def _stage(layout: Layout, number: int, output_width: WidthChoice) -> StageGrid:
    slots = [slot for slot, (stage, _) in enumerate(layout.slots) if stage == number]
    kernels = tuple(layout.kernel_start + slot for slot in slots)
    expands = tuple(layout.expand_start + slot for slot in slots)
    by_block = [
        [(k, e) for k in layout.columns[kernel].values for e in layout.columns[expand].values]
        for kernel, expand in zip(kernels, expands, strict=True)
    ]
    longest = max((len(options) for options in by_block), default=1)
    padded = [options + options[-1:] * (longest - len(options)) for options in by_block]
    return StageGrid(
        column=1 + number,
        depths=np.array(layout.columns[1 + number].values, dtype=np.int16),
        output_width=output_width,
        kernels=kernels,
        expands=expands,
        options=np.array(padded, dtype=np.int16).reshape(len(slots), longest, 2),
    )
