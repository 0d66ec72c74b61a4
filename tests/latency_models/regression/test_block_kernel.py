"""`latency_models.regression.block_kernel`: covariance of blocks by their shape."""

from dataclasses import replace

import numpy as np
import pytest

from latency_models.regression.block_kernel import (
    BETWEEN_NETWORKS,
    WITHIN_KIND,
    BlockKernel,
    squared_exponential,
)
from latency_models.regression.features import feature_matrix
from supernet.space.space import SearchSpace

BLOCKS = SearchSpace.load("tiny").unique_blocks()
BLOCK = next(block for block in BLOCKS if block.kind == "mbconv" and not block.residual)


def test_squared_exponential_by_hand() -> None:
    positions, others = np.array([[0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 2.0]])

    assert squared_exponential(positions, others) == pytest.approx(
        np.array([[1.0, np.exp(-0.5 * 5)]])
    )


@pytest.mark.parametrize("kernel", [WITHIN_KIND, BETWEEN_NETWORKS])
def test_it_is_a_covariance(kernel: BlockKernel) -> None:
    similarity = kernel.between(BLOCKS, BLOCKS)

    assert np.diagonal(similarity) == pytest.approx(1.0)
    assert similarity == pytest.approx(similarity.T)
    assert similarity.min() >= 0
    assert similarity.max() <= 1 + 1e-12
    assert np.linalg.eigvalsh(similarity).min() > -1e-9


@pytest.mark.parametrize("kernel", [WITHIN_KIND, BETWEEN_NETWORKS])
def test_a_step_of_the_half_width_is_one_length(kernel: BlockKernel) -> None:
    """Kernels 3 and 5 differ by one half-width, and both tables have a length of 1 for it."""
    wider = replace(BLOCK, kernel=BLOCK.kernel + 2)

    assert kernel.between([BLOCK], [wider]) == pytest.approx(np.array([[np.exp(-0.5)]]))
    stretched = replace(kernel, stretch=2.0)
    assert stretched.between([BLOCK], [wider]) == pytest.approx(np.array([[np.exp(-0.5 / 4)]]))


def test_positions_count_doublings_and_half_widths_in_lengths() -> None:
    """Sizes and widths as log2(1 + size), kernels as half-widths, squeeze-excite as 0 or 1."""
    kernel = BlockKernel(
        lengths={"in_channels": 2.0, "kernel": 1.0, "se": 0.5, "stride": 1.0}, stretch=2.0
    )
    block = replace(BLOCK, in_channels=31, kernel=5, stride=2, se=8, residual=False)

    positions = kernel.positions(feature_matrix([block]))

    assert positions == pytest.approx(np.array([[5 / 2 / 2, 2.5 / 2, 1 / 0.5 / 2, 2 / 2]]))


def test_blocks_of_different_kinds_are_independent() -> None:
    kinds = list({block.kind: block for block in BLOCKS}.values())

    assert BETWEEN_NETWORKS.between(kinds, kinds) == pytest.approx(np.eye(len(kinds)))
