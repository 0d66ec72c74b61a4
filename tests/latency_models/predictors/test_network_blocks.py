"""Blocks of many networks: each once, and sums that are those of each network by itself."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from latency_models.predictors.network_blocks import ABSENT, NetworkBlocks

A, B, C = (
    BlockSpec(kind="max_pool", in_size=size, in_channels=8, out_channels=8) for size in (8, 16, 32)
)


def test_every_block_has_one_number() -> None:
    blocks = NetworkBlocks.of([[A, B, A], [C], [], [B, C]])

    assert blocks.specs == (A, B, C)
    assert len(blocks) == 4
    n = ABSENT
    assert blocks.indices.tolist() == [[0, 1, 0], [2, n, n], [n, n, n], [1, 2, n]]
    assert blocks.sums(np.array([1.0, 10.0, 100.0])).tolist() == [12, 100, 0, 110]
    per_block = blocks.of_each(np.array([1.0, 10.0, 100.0]))
    assert [row.tolist() for row in per_block] == [[1, 10, 1], [100], [], [10, 100]]


def test_absent_blocks_may_stand_between_others() -> None:
    blocks = NetworkBlocks((A, B), np.array([[ABSENT, 1, ABSENT, 0], [1, ABSENT, 1, ABSENT]]))

    assert blocks.sums(np.array([1.0, 10.0])).tolist() == [11, 20]
    assert [row.tolist() for row in blocks.of_each(np.array([1.0, 10.0]))] == [[10, 1], [10, 10]]


@pytest.mark.parametrize("most", [5, 30, 200])
def test_sums_have_the_bits_of_numpy(most: int) -> None:
    rng = np.random.default_rng(most)
    specs = [
        BlockSpec(kind="max_pool", in_size=size, in_channels=8, out_channels=8)
        for size in range(8, 48)
    ]
    networks = [
        [specs[i] for i in rng.integers(0, 40, size=rng.integers(1, most + 1))] for _ in range(300)
    ]
    figures = rng.gamma(0.3, size=40)
    blocks = NetworkBlocks.of(networks)

    by_spec = dict(zip(blocks.specs, figures[: len(blocks.specs)], strict=True))
    expected = [np.array([by_spec[spec] for spec in network]).sum() for network in networks]

    assert blocks.sums(figures[: len(blocks.specs)]).tolist() == expected
