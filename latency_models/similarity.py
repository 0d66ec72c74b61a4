"""How alike two blocks are: what one block's cost tells of another's.

A squared-exponential kernel over a block's shape, as in Gaussian-process regression (Rasmussen and
Williams, 2006, chapter 4): blocks of unlike kinds tell nothing of each other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.spec import BlockSpec
from latency_models.features import SHAPE, feature_matrix

Floats = NDArray[np.float64]

# How far two blocks may lie apart and still tell something: doublings of sizes and widths, steps
# of a kernel's half-width, kinds of activation, with or without squeeze-excite.
LENGTHS = {
    "out_size": 0.7,
    "in_channels": 1.0,
    "mid_channels": 0.7,
    "out_channels": 1.0,
    "kernel": 1.0,
    "stride": 1.0,
    "act": 1.0,
    "se": 0.5,
}
_DOUBLINGS = ("out_size", "in_channels", "mid_channels", "out_channels")


def similarity(specs: Sequence[BlockSpec], others: Sequence[BlockSpec]) -> Floats:
    """Between 0 and 1, (len(specs), len(others))."""
    places, their_places = _places(specs), _places(others)
    squares = np.zeros((len(specs), len(others)))
    for column in range(len(LENGTHS)):
        squares += (places[:, None, column] - their_places[None, :, column]) ** 2
    kinds = np.array([spec.kind for spec in specs])
    their_kinds = np.array([spec.kind for spec in others])
    found: Floats = np.exp(-0.5 * squares) * (kinds[:, None] == their_kinds[None, :])
    return found


def _places(specs: Sequence[BlockSpec]) -> Floats:
    """Where blocks lie, in lengths."""
    matrix = feature_matrix(specs, SHAPE)
    columns = {name: matrix[:, SHAPE.index(name)] for name in LENGTHS}
    for name in _DOUBLINGS:
        columns[name] = np.log2(1 + columns[name])
    columns["kernel"] = columns["kernel"] / 2
    columns["se"] = (columns["se"] > 0).astype(np.float64)
    return np.column_stack([columns[name] / length for name, length in LENGTHS.items()])
