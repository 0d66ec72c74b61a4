"""Similarity of two blocks: the covariance of their costs.

A squared-exponential kernel over a block's shape, as in Gaussian-process regression (Rasmussen and
Williams, 2006, chapter 4): blocks of unlike kinds tell nothing of each other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.features import feature_matrix
from latency_models.regression.gaussian_process import places

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


def similarity(specs: Sequence[BlockSpec], others: Sequence[BlockSpec]) -> Floats:
    """Between 0 and 1, (len(specs), len(others))."""
    own, theirs = (places(feature_matrix(some), LENGTHS) for some in (specs, others))
    squares = np.zeros((len(specs), len(others)))
    for column in range(len(LENGTHS)):
        squares += (own[:, None, column] - theirs[None, :, column]) ** 2
    kinds = np.array([spec.kind for spec in specs])
    their_kinds = np.array([spec.kind for spec in others])
    found: Floats = np.exp(-0.5 * squares) * (kinds[:, None] == their_kinds[None, :])
    return found
