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
        specs: the distinct blocks of all networks, in the order of their first use.
        indices: (n, most blocks): indices in `specs` of the blocks of a network, in its order;
            `ABSENT` after its last block.
    """

    specs: tuple[BlockSpec, ...]
    indices: NDArray[np.intp]

    @classmethod
    def of(cls, networks: Sequence[Sequence[BlockSpec]]) -> Self:
        """Return the blocks of networks, given as sequences of blocks."""
        index_of: dict[BlockSpec, int] = {}
        rows = [
            [index_of.setdefault(block, len(index_of)) for block in network] for network in networks
        ]
        indices = np.full((len(rows), max(map(len, rows), default=0)), ABSENT, dtype=np.intp)
        for index, row in enumerate(rows):
            indices[index, : len(row)] = row
        return cls(tuple(index_of), indices)

    def __len__(self) -> int:
        return len(self.indices)

    def of_each(self, figures: NDArray[Any]) -> list[NDArray[Any]]:
        """Return, for each network, the figures of its blocks; `figures` is (specs,)."""
        return [figures[row[row != ABSENT]] for row in self.indices]

    def sums(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sums (n,) of the figures of each network's blocks; `figures` is (specs,).

        The result equals numpy's sum of each network bit for bit.
        """
        present = self.indices != ABSENT
        counts = present.sum(axis=1)
        total = np.zeros(len(self.indices))
        for count in np.unique(counts).tolist():
            rows = np.flatnonzero(counts == count)
            indices = self.indices[rows][present[rows]].reshape(len(rows), count)
            total[rows] = figures[indices].sum(axis=1)
        return total
