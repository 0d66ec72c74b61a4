"""From blocks back to the architecture: which network of a space has these shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.blocks.spec import BlockSpec
from supernet.space.arch import ArchConfig
from supernet.space.shared_blocks import Position
from supernet.space.space import SearchSpace


def find_arch(space: SearchSpace, blocks: Sequence[BlockSpec]) -> ArchConfig | None:
    """Return the architecture whose walk gives exactly `blocks`; None where the space has none.

    Where two choices round to one shape, the first of them is returned.
    """
    row = _Search(space, tuple(blocks)).run()
    if row is None:
        return None
    codes = space.layout.canonical(np.array([row], dtype=np.int16))
    (arch,) = space.decode(codes)
    return arch


@dataclass(slots=True)
class _Search:
    """Depth-first: positions in order, each taking the next block or left out."""

    space: SearchSpace
    blocks: tuple[BlockSpec, ...]

    def run(self) -> list[int] | None:
        return self._from(0, 0, {})

    def _from(self, at: int, taken: int, known: dict[int, int]) -> list[int] | None:
        """Complete `known` (codes by column) from position `at` and block `taken` on."""
        positions = self.space.choices
        if at == len(positions):
            return self._row(known) if taken == len(self.blocks) else None
        position = positions[at]
        following = self.blocks[taken : taken + 1]
        for values, specs in position.options:
            # Column 0, the resolution, is among those of every position.
            if (known and values[0] != known[0]) or specs not in (following, ()):
                continue
            now = known | dict(zip(position.columns, values, strict=True))
            agree = all(now[column] == value for column, value in known.items())
            if agree and self._in_order(position, bool(specs), known):
                row = self._from(at + 1, taken + len(specs), now)
                if row is not None:
                    return row
        return None

    def _in_order(self, position: Position, present: bool, known: dict[int, int]) -> bool:
        """Tell whether a block comes right after the one before it in its stage."""
        place = self.space.places[position.name]
        if place is None or place.index == 0 or not present:
            return True
        slot = self.space.layout.slots.index((place.stage, place.index))
        return known[self.space.layout.kernel_start + slot - 1] != 0

    def _row(self, known: dict[int, int]) -> list[int] | None:
        """Fill in the depths, which no block shows by itself; None where one is not a choice."""
        layout = self.space.layout
        found = dict(known)
        for slot, (stage, index) in enumerate(layout.slots):
            if known[layout.kernel_start + slot]:
                found[1 + stage] = index + 1
        for column in range(1, layout.kernel_start):
            if found.get(column) not in layout.columns[column].values:
                return None
        return [found[column] for column in range(len(layout.columns))]
