"""Linear model of accuracy around one network: the effect of each single change.

The accuracy of all single changes is evaluated in one small batch. Where accuracy is a sum over
choices, the model is exact everywhere.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from supernet.constraints.choice_effects import WidthChoice
from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.space.codes import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleChanges:
    """Networks to evaluate: `codes` (n, columns), in groups that `parts` separates again.

    `around` (columns,) is the centre network, with the smallest choice for absent blocks.
    """

    grid: Grid
    around: Codes
    codes: Codes
    ends: tuple[int, ...]

    @classmethod
    def around_network(cls, grid: Grid, code: Codes) -> "SingleChanges":
        """Return all changes of a single choice of a network."""
        layout = grid.layout
        smallest = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
        around = np.where(code == 0, smallest, code).astype(np.int16)
        groups = [_changed(around, 0, grid.resolutions)]
        groups.append(_changed(around, grid.input_width.column, grid.input_width.codes))
        for stage in grid.stages:
            groups.append(_changed(around, stage.output_width.column, stage.output_width.codes))
            groups.append(_changed(around, stage.column, stage.depths))
            for block, (kernel, expand) in enumerate(
                zip(stage.kernels, stage.expands, strict=True)
            ):
                deep = around.copy()
                deep[stage.column] = _deep_enough(stage.depths, around[stage.column], block)
                groups.append(_changed(deep, None, grid.resolutions[:1]))
                for column in (kernel, expand):
                    values = np.array(layout.columns[column].values, dtype=np.int16)
                    groups.append(_changed(deep, column, values))
        ends = np.cumsum([0, *(len(group) for group in groups)]).tolist()
        codes = layout.canonical(np.concatenate(groups))
        return cls(grid=grid, around=around, codes=codes, ends=tuple(ends))

    def parts(self, accuracy: Floats) -> GridSum:
        """Return the terms by choice, from the accuracies (n,) of `codes`."""
        groups = iter([accuracy[start:end] for start, end in pairwise(self.ends)])
        base = next(groups)
        # The network itself is included in the changes.
        centre = float(base[int(np.searchsorted(self.grid.resolutions, self.around[0]))])
        entry = next(groups)[None] - centre
        stages = []
        for stage in self.grid.stages:
            output = next(groups)[None, None, :, None] - centre
            depths = next(groups)[None, None, None, :] - centre + output
            blocks = np.zeros((1, 1, 1, *stage.options.shape[:2]))
            for block in range(len(stage.kernels)):
                (deep,) = next(groups)
                for index, column in enumerate((stage.kernels[block], stage.expands[block])):
                    values = np.array(self.grid.layout.columns[column].values, dtype=np.int16)
                    change = next(groups) - deep
                    options = stage.options[block, :, index]
                    blocks[0, 0, 0, block] += change[np.searchsorted(values, options)]
            stages.append(StageParts(depths=depths, blocks=blocks))
        return GridSum(base=base, entry=entry, stages=tuple(stages))

    def nearer(self, value: GridSum, price: float) -> GridSum:
        """Subtract `price` from a value for each choice that differs from the centre network."""

        def width_penalty(choice: WidthChoice) -> Floats:
            if choice.column is None:
                return np.zeros(1)
            return np.asarray(price * (choice.codes != self.around[choice.column]))

        stages = []
        for stage, terms in zip(self.grid.stages, value.stages, strict=True):
            deeper = price * np.abs(stage.depths - self.around[stage.column])
            centre = self.around[np.array([stage.kernels, stage.expands], dtype=np.intp).T]
            changed = (stage.options != centre[:, None, :]).sum(axis=2)
            stages.append(
                StageParts(
                    depths=terms.depths - width_penalty(stage.output_width)[:, None] - deeper,
                    blocks=terms.blocks - price * changed,
                )
            )
        differs = self.grid.resolutions != self.around[0]
        return GridSum(
            base=value.base - price * differs,
            entry=value.entry - width_penalty(self.grid.input_width),
            stages=tuple(stages),
        )


def _changed(code: Codes, column: int | None, values: Codes) -> Codes:
    """Return rows (values, columns) with each value in a column.

    Without one, the network itself.
    """
    rows = np.repeat(code[None], len(values), axis=0)
    if column is not None:
        rows[:, column] = values
    return rows


def _deep_enough(depths: Codes, depth: int, block: int) -> int:
    """Return the least depth, not below the network's, that has this block."""
    sufficient = [value for value in depths.tolist() if value > block]
    return max(depth, min(sufficient)) if sufficient else depth
