"""Spaces of one network, which is given by its blocks."""

import numpy as np
import pytest

from bench.errors import InputError
from supernet.space.space import SearchSpace, space_names


@pytest.mark.parametrize("name", space_names())
def test_the_only_network_has_the_given_blocks(name: str) -> None:
    space = SearchSpace.load(name)
    arch = space.sample(np.random.default_rng(3), 1)[0]
    blocks = space.blocks(arch)

    single = SearchSpace.single("one", blocks, space.norm_eps)

    only = single.largest()
    assert single.blocks(only) == blocks
    assert (single.count(), single.smallest()) == (1, only)
    assert (single.in_channels, single.classes) == (space.in_channels, space.classes)
    assert (single.resolutions, single.norm_eps) == ((arch.resolution,), space.norm_eps)
    assert single.decode(single.encode([only])) == [only]
    assert SearchSpace.from_toml(single.text) == single


def test_blocks_that_do_not_follow_each_other_are_refused() -> None:
    space = SearchSpace.load("tiny")
    stem, first, _, *others = space.blocks(space.largest())

    with pytest.raises(InputError, match=r"blocks\[2\] is .* 8 channels of size 16"):
        SearchSpace.single("one", (stem, first, *others), space.norm_eps)


def test_a_key_that_is_no_block_is_refused() -> None:
    with pytest.raises(InputError, match="nonsense"):
        SearchSpace.from_toml('name = "x"\nfamily = "single"\nblocks = ["nonsense"]')
