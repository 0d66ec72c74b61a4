"""Multiply-accumulates of FBNet architectures, from the codes of their 22 operators.

The space of Wu et al., FBNet (CVPR 2019), table 1, as in the public networks table: operators by
`latency_models.formats.fbnet.OPERATORS`. An operator is a pointwise expansion, a depthwise
convolution, and a pointwise projection; where a skip cannot be, because the shape changes, a
pointwise convolution stands in its place.
"""

import numpy as np
from numpy.typing import NDArray

# Channels, blocks and stride of each stage, after a first convolution to 16 channels at 112 px.
STAGES = ((16, 1, 1), (24, 4, 2), (32, 4, 2), (64, 4, 2), (112, 4, 1), (184, 4, 2), (352, 1, 1))
# Kernel, expansion and groups of the pointwise convolutions of each operator; the last is the skip.
SHAPES = ((3, 1, 1), (3, 1, 2), (3, 3, 1), (3, 6, 1), (5, 1, 1), (5, 1, 2), (5, 3, 1), (5, 6, 1))


def operator_macs() -> NDArray[np.float64]:
    """MACs of each operator at each position, (22, 9)."""
    rows, size, inputs = [], 112, 16
    for channels, blocks, first_stride in STAGES:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            after = size // stride
            row = [
                (size**2 * inputs * mid + after**2 * mid * channels) / groups
                + after**2 * kernel**2 * mid
                for kernel, expansion, groups in SHAPES
                for mid in [expansion * inputs]
            ]
            same = stride == 1 and inputs == channels
            rows.append([*row, 0.0 if same else float(after**2 * inputs * channels)])
            size, inputs = after, channels
    return np.array(rows)


def macs_of(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """MACs of networks (n,) by their operators' codes (n, 22)."""
    result: NDArray[np.float64] = operator_macs()[np.arange(codes.shape[1]), codes].sum(axis=1)
    return result
