import numpy as np
import pytest
import torch

from bench.blocks.model import Model, check_chain, random_model, weight_shapes
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import network_of
from bench.errors import InputError

STEM = BlockSpec.parse("stem-32x3-m0-o16-k3-s2-hswish-se0-r0")
MBCONV = BlockSpec.parse("mbconv-16x16-m24-o16-k5-s1-relu-se8-r1")
POOL = BlockSpec.parse("avg_pool-16x16-m0-o16-k1-s1-none-se0-r0")
CLASSIFIER = BlockSpec.parse("classifier-1x16-m0-o10-k1-s1-none-se0-r0")


def test_input_and_output_shapes_of_a_chain() -> None:
    assert random_model([STEM]).input_shape == (3, 32, 32)
    assert random_model([STEM]).output_shape == (16, 16, 16)
    assert random_model([STEM, MBCONV, POOL, CLASSIFIER]).output_shape == (10,)


def test_weight_shapes_equal_those_by_hand() -> None:
    assert weight_shapes(MBCONV) == {
        "expand.weight": (24, 16, 1, 1),
        "expand.bias": (24,),
        "depthwise.weight": (24, 1, 5, 5),
        "depthwise.bias": (24,),
        "se.reduce.weight": (8, 24, 1, 1),
        "se.reduce.bias": (8,),
        "se.expand.weight": (24, 8, 1, 1),
        "se.expand.bias": (24,),
        "project.weight": (16, 24, 1, 1),
        "project.bias": (16,),
    }
    assert weight_shapes(CLASSIFIER) == {"linear.weight": (10, 16), "linear.bias": (10,)}
    assert weight_shapes(POOL) == {}


def test_random_weights_depend_on_block_position_and_seed() -> None:
    first, same, other = (random_model([MBCONV, MBCONV], seed) for seed in (1, 1, 2))
    name = "project.weight"
    assert np.array_equal(first.weights[0][name], same.weights[0][name])
    assert not np.array_equal(first.weights[0][name], first.weights[1][name])
    assert not np.array_equal(first.weights[0][name], other.weights[0][name])
    assert {name: value.shape for name, value in first.weights[0].items()} == weight_shapes(MBCONV)
    assert all(value.dtype == np.float32 for value in first.weights[0].values())


def test_random_weights_keep_the_scale_of_activations() -> None:
    wide = BlockSpec.parse("final_expand-7x512-m0-o512-k1-s1-relu-se0-r0")
    weight = random_model([wide]).weights[0]["conv.weight"]
    assert weight.std() == pytest.approx(np.sqrt(2 / 512), rel=0.02)


def test_blocks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"do not fit together: stem-32x3.* and then avg_pool"):
        check_chain([STEM, BlockSpec.parse("avg_pool-8x16-m0-o16-k1-s1-none-se0-r0")])


def test_an_empty_chain_is_refused() -> None:
    with pytest.raises(InputError, match="at least one block"):
        check_chain([])


def test_another_number_of_weights_than_blocks_is_refused() -> None:
    with pytest.raises(InputError, match="1 blocks came with 0 weights"):
        Model((STEM,), ())


def test_activations_of_a_deep_network_stay_near_one() -> None:
    deep = BlockSpec.parse("mbconv-8x32-m128-o32-k5-s1-hswish-se32-r1")
    network = network_of(random_model([deep] * 20))
    images = torch.randn(1, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    assert 0.3 < float(network(images).std()) < 10
