"""`NetworkBlocks`: the blocks of many networks, each block once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec

ABSENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class NetworkBlocks:
    """The blocks of n networks.

    Attributes:
        specs: every block that any of them has, once, in the order in which they come.
        places: (n, most blocks): which of `specs` the blocks of a network are, in its order;
            `ABSENT` where it has none.
    """

    specs: tuple[BlockSpec, ...]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, networks: Sequence[Sequence[BlockSpec]]) -> Self:
        """Return the blocks of networks that are given block by block."""
        number: dict[BlockSpec, int] = {}
        rows = [[number.setdefault(block, len(number)) for block in one] for one in networks]
        places = np.full((len(rows), max(map(len, rows), default=0)), ABSENT, dtype=np.intp)
        for place, row in enumerate(rows):
            places[place, : len(row)] = row
        return cls(tuple(number), places)

    def __len__(self) -> int:
        return len(self.places)

    def of_each(self, figures: NDArray[Any]) -> list[NDArray[Any]]:
        """Return, by network, the figures (specs,) of its blocks in their order."""
        return [figures[row[row != ABSENT]] for row in self.places]

    def sums(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sums (n,) of the figures (specs,) of each network's blocks.

        Bit for bit what numpy sums up of each network by itself.
        """
        there = self.places != ABSENT
        counts = there.sum(axis=1)
        total = np.zeros(len(self.places))
        for count in np.unique(counts).tolist():
            rows = np.flatnonzero(counts == count)
            of_rows = self.places[rows][there[rows]].reshape(len(rows), count)
            total[rows] = figures[of_rows].sum(axis=1)
        return total
