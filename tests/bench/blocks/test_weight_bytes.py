"""Bytes of weights: computed by hand, and compared with the size of exported files."""

import pytest

from bench.backends.onnx_graph import onnx_bytes
from bench.backends.tflite_graph import tflite_bytes
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.blocks.weight_bytes import weight_bytes
from bench.errors import InputError
from supernet.space.space import SearchSpace

BLOCK = BlockSpec(
    kind="mbconv", in_size=4, in_channels=2, mid_channels=8, out_channels=4, kernel=3, se=4
)
# By hand: expand, depthwise, two of squeeze-excite, project; and a bias for each channel.
WEIGHTS = 2 * 8 + 9 * 8 + 8 * 4 + 4 * 8 + 8 * 4
CHANNELS = 8 + 8 + 4 + 8 + 4


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("fp32", 4 * (WEIGHTS + CHANNELS)),
        ("fp16", 2 * WEIGHTS + 4 * CHANNELS),
        ("int8", WEIGHTS + 4 * CHANNELS + 4 * CHANNELS),
    ],
)
def test_bytes_equal_those_by_hand(precision: str, expected: int) -> None:
    assert weight_bytes(BLOCK, precision) == expected


def test_pooling_has_no_weights() -> None:
    assert weight_bytes(BlockSpec(kind="avg_pool", in_size=4, in_channels=8, out_channels=8)) == 0


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="'bf16', expected one of fp32, fp16, int8"):
        weight_bytes(BLOCK, "bf16")


@pytest.mark.parametrize(("name", "most"), [("tiny", 0.016), ("ofa-mbv3-w1.0", 0.002)])
def test_a_file_is_little_larger_than_its_weights(name: str, most: float) -> None:
    space = SearchSpace.load(name)
    blocks = space.blocks(space.smallest())
    model = random_model(blocks)

    weights = sum(weight_bytes(block) for block in blocks)

    for content in (tflite_bytes(model), onnx_bytes(model)):
        assert weights < len(content) <= weights * (1 + most)
