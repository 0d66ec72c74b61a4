"""Peak activation memory: computed by hand for each kind of block, and from a graph's lifetimes."""

import numpy as np
import pytest

from bench.backends.tflite_graph import tflite_bytes
from bench.blocks.activation_memory import peak_values
from bench.blocks.model import Model, weight_shapes
from bench.blocks.spec import BlockSpec
from supernet.space.space import SearchSpace
from tests.support import tflite_lifetimes

MBCONV = {"kind": "mbconv", "in_size": 4, "in_channels": 2, "mid_channels": 8, "out_channels": 2}
BOTTLENECK = {"kind": "bottleneck", "in_size": 4, "in_channels": 8, "mid_channels": 2, "kernel": 3}


def spec(**fields: object) -> BlockSpec:
    return BlockSpec(**fields)  # type: ignore[arg-type]


# By hand, in values: pixels times channels.
CASES = {
    "stem": (
        spec(kind="stem", in_size=8, in_channels=3, out_channels=4, kernel=3, stride=2),
        64 * 3 + 16 * 4,
    ),
    "residual stem": (
        spec(kind="stem", in_size=4, in_channels=4, out_channels=4, kernel=3, residual=True),
        64 + 64,
    ),
    "depthwise": (spec(**MBCONV, kernel=3), 16 * 8 + 16 * 8),
    "depthwise, with a shortcut": (spec(**MBCONV, kernel=3, residual=True), 32 + 128 + 128),
    "depthwise with stride 2": (spec(**MBCONV, kernel=5, stride=2), max(32 + 128, 128 + 4 * 8)),
    "no expansion": (
        spec(**{**MBCONV, "mid_channels": 2, "out_channels": 8}, kernel=3),
        max(32 + 32, 32 + 128),
    ),
    "no expansion, with a shortcut": (
        spec(**{**MBCONV, "mid_channels": 2}, kernel=3, residual=True),
        max(32 + 32, 32 + 32 + 32),
    ),
    "squeeze-excite": (
        spec(**{**MBCONV, "in_size": 1}, kernel=3, se=4, residual=True),
        max(2 + 8 + 8, 2 + 8 + 8 + 4),
    ),
    "bottleneck with stride 2": (
        spec(**BOTTLENECK, out_channels=16, stride=2),
        # expand; then average pooling while the block's output is held
        max(128 + 8 + 64, 64 + 128 + 32),
    ),
    "bottleneck with more channels": (spec(**BOTTLENECK, out_channels=16), 256 + 128 + 256),
    "bottleneck, identity": (spec(**BOTTLENECK, out_channels=8), 128 + 32 + 128),
    "max_pool": (
        spec(kind="max_pool", in_size=4, in_channels=8, out_channels=8, kernel=3, stride=2),
        128 + 32,
    ),
    "avg_pool": (spec(kind="avg_pool", in_size=4, in_channels=8, out_channels=8), 128 + 8),
    "final_expand": (spec(kind="final_expand", in_size=4, in_channels=8, out_channels=16), 384),
    "feature_mix": (spec(kind="feature_mix", in_size=1, in_channels=8, out_channels=16), 24),
    "classifier": (spec(kind="classifier", in_size=1, in_channels=8, out_channels=10), 18),
}


def graph_of(blocks: tuple[BlockSpec, ...]) -> bytes:
    """Return a TFLite file with weights of 0."""
    weights = [
        {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(block).items()}
        for block in blocks
    ]
    return tflite_bytes(Model(blocks, tuple(weights)))


@pytest.mark.parametrize("name", CASES)
def test_the_peak_equals_that_by_hand_and_by_lifetimes(name: str) -> None:
    block, expected = CASES[name]

    assert peak_values(block) == expected
    assert tflite_lifetimes.peak_values(graph_of((block,))) == expected


@pytest.mark.parametrize("name", ["tiny", "ofa-mbv3-w1.0", "ofa-proxyless-w1.3", "ofa-resnet50d"])
def test_the_peak_of_a_network_is_the_largest_of_its_blocks(name: str) -> None:
    space = SearchSpace.load(name)
    rng = np.random.default_rng(0)
    archs = [space.smallest(), *space.sample(rng, 2, space.resolutions[:2])]

    for arch in archs:
        blocks = space.blocks(arch)
        result = tflite_lifetimes.peak_values(graph_of(blocks))
        assert max(peak_values(block) for block in blocks) == result


def test_a_runtime_that_pads_separately_needs_more() -> None:
    """The definition assumes padding in place; h-swish and additions make no difference."""
    space = SearchSpace.load("ofa-mbv3-w1.0")
    blocks = space.blocks(space.smallest())

    separate = tflite_lifetimes.peak_values(graph_of(blocks), in_place=())

    # At 128 px the second block widens 64 x 64 x 16 to 48 channels, then pads those by one pixel.
    assert max(peak_values(block) for block in blocks) == 64 * 64 * (16 + 48)
    assert separate == 64 * 64 * 48 + 65 * 65 * 48
