"""Blocks of encoded networks are those that the space's walk gives, one by one."""

import numpy as np
import pytest

from bench.errors import InputError
from latency_models.predictors.network_blocks import NetworkBlocks
from latency_models.vectorized.blocks_of_codes import blocks_of_codes
from supernet.space.space import SearchSpace


@pytest.mark.parametrize("name", ["tiny", "ofa-resnet50d", "ofa-proxyless-w1.3"])
def test_blocks_are_those_of_the_walk(name: str) -> None:
    space = SearchSpace.load(name)
    codes = space.sample_codes(np.random.default_rng(0), 60)

    blocks = blocks_of_codes(space.choices, codes)
    walked = NetworkBlocks.of([space.blocks(arch) for arch in space.decode(codes)])

    assert blocks.specs == walked.specs  # in the same order, too
    numbers = np.arange(len(walked.specs))
    for numbers_of_block, other in zip(
        blocks.of_each(numbers), walked.of_each(numbers), strict=True
    ):
        assert numbers_of_block.tolist() == other.tolist()


def test_codes_of_no_network_are_refused() -> None:
    space = SearchSpace.load("tiny")
    codes = space.sample_codes(np.random.default_rng(0), 3)
    codes[1, 0] = 33

    with pytest.raises(InputError, match="are no network of the space"):
        blocks_of_codes(space.choices, codes)
