"""Find the architecture of a space that has given blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.blocks.spec import BlockSpec
from supernet.space.arch import ArchConfig
from supernet.space.shared_blocks import Position
from supernet.space.space import SearchSpace


def find_arch(space: SearchSpace, blocks: Sequence[BlockSpec]) -> ArchConfig | None:
    """Return the architecture with exactly `blocks`; None where the space has none.

    Where two choices round to the same shape, the first is returned.
    """
    row = _Search(space, tuple(blocks)).run()
    if row is None:
        return None
    codes = space.layout.canonical(np.array([row], dtype=np.int16))
    (arch,) = space.decode(codes)
    return arch


@dataclass(slots=True)
class _Search:
    """Depth-first search: each position takes the next block or is absent."""

    space: SearchSpace
    blocks: tuple[BlockSpec, ...]

    def run(self) -> list[int] | None:
        return self._complete(0, 0, {})

    def _complete(self, index: int, used: int, codes: dict[int, int]) -> list[int] | None:
        """Complete `codes` (by column) from position `index` and block `used` on."""
        positions = self.space.choices
        if index == len(positions):
            return self._row(codes) if used == len(self.blocks) else None
        position = positions[index]
        next_block = self.blocks[used : used + 1]
        for values, specs in position.options:
            # Column 0, the resolution, is among those of every position.
            if (codes and values[0] != codes[0]) or specs not in (next_block, ()):
                continue
            extended = codes | dict(zip(position.columns, values, strict=True))
            agree = all(extended[column] == value for column, value in codes.items())
            if agree and self._in_order(position, bool(specs), codes):
                row = self._complete(index + 1, used + len(specs), extended)
                if row is not None:
                    return row
        return None

    def _in_order(self, position: Position, present: bool, codes: dict[int, int]) -> bool:
        """Return whether the preceding block of the stage is also present."""
        place = self.space.unit_places[position.name]
        if place is None or place.index == 0 or not present:
            return True
        slot = self.space.layout.slots.index((place.stage, place.index))
        return codes[self.space.layout.kernel_start + slot - 1] != 0

    def _row(self, codes: dict[int, int]) -> list[int] | None:
        """Fill in the depths, which follow from the blocks; None where one is not a choice."""
        layout = self.space.layout
        row = dict(codes)
        for slot, (stage, index) in enumerate(layout.slots):
            if codes[layout.kernel_start + slot]:
                row[1 + stage] = index + 1
        for column in range(1, layout.kernel_start):
            if row.get(column) not in layout.columns[column].values:
                return None
        return [row[column] for column in range(len(layout.columns))]
