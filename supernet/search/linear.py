"""A linear model of accuracy around one network: the effect of each single change.

The changes are asked of the accuracy itself, one small batch for each network. Where accuracy is a
sum over choices anyway, this is the accuracy everywhere.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from supernet.constraints.choice_effects import WidthChoice
from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.space.codes import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Networks to ask about: `codes` (n, columns), in groups that `parts` takes apart again.

    `around` is the network, (columns,); blocks that it lacks stand at their smallest choice.
    """

    grid: Grid
    around: Codes
    codes: Codes
    ends: tuple[int, ...]

    @classmethod
    def around_network(cls, grid: Grid, code: Codes) -> "Probes":
        """Change each choice of a network by itself."""
        layout = grid.layout
        least = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
        around = np.where(code == 0, least, code).astype(np.int16)
        groups = [_changed(around, 0, grid.resolutions)]
        groups.append(_changed(around, grid.enters.column, grid.enters.codes))
        for stage in grid.stages:
            groups.append(_changed(around, stage.leaves.column, stage.leaves.codes))
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
        """Shares by choice from the accuracies (n,) of `codes`."""
        groups = iter([accuracy[begin:end] for begin, end in pairwise(self.ends)])
        base = next(groups)
        # The network itself is among its own changes.
        own = float(base[int(np.searchsorted(self.grid.resolutions, self.around[0]))])
        entry = next(groups)[None] - own
        stages = []
        for stage in self.grid.stages:
            leave = next(groups)[None, None, :, None] - own
            depths = next(groups)[None, None, None, :] - own + leave
            blocks = np.zeros((1, 1, 1, *stage.options.shape[:2]))
            for block in range(len(stage.kernels)):
                (deep,) = next(groups)
                for place, column in enumerate((stage.kernels[block], stage.expands[block])):
                    values = np.array(self.grid.layout.columns[column].values, dtype=np.int16)
                    change = next(groups) - deep
                    options = stage.options[block, :, place]
                    blocks[0, 0, 0, block] += change[np.searchsorted(values, options)]
            stages.append(StageParts(depths=depths, blocks=blocks))
        return GridSum(base=base, entry=entry, stages=tuple(stages))

    def nearer(self, value: GridSum, price: float) -> GridSum:
        """Charge `price` for each choice that differs from this network's; its own are free."""

        def moved(choice: WidthChoice) -> Floats:
            if choice.column is None:
                return np.zeros(1)
            return np.asarray(price * (choice.codes != self.around[choice.column]))

        stages = []
        for stage, of_stage in zip(self.grid.stages, value.stages, strict=True):
            deeper = price * np.abs(stage.depths - self.around[stage.column])
            own = self.around[np.array([stage.kernels, stage.expands], dtype=np.intp).T]
            changed = (stage.options != own[:, None, :]).sum(axis=2)
            stages.append(
                StageParts(
                    depths=of_stage.depths - moved(stage.leaves)[:, None] - deeper,
                    blocks=of_stage.blocks - price * changed,
                )
            )
        differs = self.grid.resolutions != self.around[0]
        return GridSum(
            base=value.base - price * differs,
            entry=value.entry - moved(self.grid.enters),
            stages=tuple(stages),
        )


def _changed(code: Codes, column: int | None, values: Codes) -> Codes:
    """Rows (values, columns) with each value in a column; the network itself without one."""
    rows = np.repeat(code[None], len(values), axis=0)
    if column is not None:
        rows[:, column] = values
    return rows


def _deep_enough(depths: Codes, depth: int, block: int) -> int:
    """Least depth from the network's own on that has this block."""
    enough = [value for value in depths.tolist() if value > block]
    return max(depth, min(enough)) if enough else depth
