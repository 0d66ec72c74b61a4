"""Covariance of blocks: a squared-exponential kernel over a block's shape.

See Rasmussen and Williams, 2006, chapter 4. There is one kernel, with two tables of length scales,
because stored predictors need both: the knots of a smooth correction are positions in the lengths
of `WITHIN_KIND`, and the factors of a network correction are for similarities in those of
`BETWEEN_NETWORKS`. Few-shot fits of public columns are as good with either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.features import ALL, feature_matrix

Floats = NDArray[np.float64]

_DOUBLINGS = frozenset({"in_size", "out_size", "in_channels", "mid_channels", "out_channels"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKernel:
    """Squared-exponential kernel with a length scale for each feature of a block's shape.

    Attributes:
        lengths: by feature: in doublings of sizes and channel counts, steps of a kernel's
            half-width, with or without squeeze-excite (1 or 0), and the feature's own unit.
        stretch: factor of all lengths.
    """

    lengths: Mapping[str, float] = field(hash=False)
    stretch: float = 1.0

    def positions(self, matrix: Floats) -> Floats:
        """Return blocks' positions (n, lengths) in length scales; `matrix` has features `ALL`."""
        columns = []
        for name, length in self.lengths.items():
            column = matrix[:, ALL.index(name)]
            if name in _DOUBLINGS:
                column = np.log2(1 + column)
            elif name == "kernel":
                column = column / 2
            elif name == "se":
                column = (column > 0).astype(np.float64)
            columns.append(column / length)
        return np.column_stack(columns) / self.stretch

    def between(self, specs: Sequence[BlockSpec], others: Sequence[BlockSpec]) -> Floats:
        """Return similarities, 0 to 1, (specs, others); blocks of different kinds have 0."""
        similarity = squared_exponential(
            self.positions(feature_matrix(specs)), self.positions(feature_matrix(others))
        )
        kinds = np.array([spec.kind for spec in specs])
        other_kinds = np.array([spec.kind for spec in others])
        result: Floats = similarity * (kinds[:, None] == other_kinds[None, :])
        return result


# For blocks of one kind that were measured one by one; `stretch` is fitted.
WITHIN_KIND = BlockKernel(
    lengths={
        "in_size": 1.0,
        "in_channels": 1.5,
        "mid_channels": 1.0,
        "out_channels": 1.5,
        "kernel": 1.0,
        "stride": 1.0,
        "act": 1.0,
        "se": 1.0,
        "residual": 2.0,
    }
)
# For blocks of which only sums over whole networks were measured.
BETWEEN_NETWORKS = BlockKernel(
    lengths={
        "out_size": 0.7,
        "in_channels": 1.0,
        "mid_channels": 0.7,
        "out_channels": 1.0,
        "kernel": 1.0,
        "stride": 1.0,
        "act": 1.0,
        "se": 0.5,
    }
)


def squared_exponential(positions: Floats, others: Floats) -> Floats:
    """Return exp(-d^2 / 2), (n, m), of the distances d between positions (n, k) and (m, k)."""
    squares = np.sum(positions**2, axis=1)[:, None] + np.sum(others**2, axis=1)[None, :]
    squares -= 2 * positions @ others.T
    result: Floats = np.exp(-0.5 * np.maximum(squares, 0.0))
    return result
