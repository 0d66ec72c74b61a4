"""`supernet.weights.channel_order`: sorted channels, and unchanged outputs."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.blocks.layers import layers_of
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import Block, build_block
from supernet.weights.channel_order import sort_channels
from supernet.weights.elastic import slice_state
from tests.supernet.weights.test_elastic import BOTTLENECK, LARGE, filled


def random_block(spec: BlockSpec, seed: int = 0) -> Block:
    block = build_block(spec).double().eval()
    filled(block, seed)
    return block


def random_images(spec: BlockSpec) -> Tensor:
    shape = (2, spec.in_channels, spec.in_size, spec.in_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


@pytest.mark.parametrize("spec", [LARGE, replace(LARGE, se=0), BOTTLENECK])
def test_sorting_channels_preserves_the_outputs_of_the_block(spec: BlockSpec) -> None:
    block, images = random_block(spec), random_images(spec)
    before, weights = block(images), [p.clone() for p in block.parameters()]

    sort_channels(block, spec)

    assert any(not torch.equal(a, b) for a, b in zip(weights, block.parameters(), strict=True))
    assert torch.allclose(block(images), before, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("spec", "last"), [(LARGE, "project"), (BOTTLENECK, "expand")])
def test_sorted_channels_fall_in_importance(spec: BlockSpec, last: str) -> None:
    block = random_block(spec)

    sort_channels(block, spec)

    names = [layer.name for layer in layers_of(spec).main]
    consumers = ["spatial", "expand"] if "spatial" in names else [last]
    for name in consumers:
        importance = block.get_parameter(f"main.{name}.conv.weight").abs().sum(dim=(0, 2, 3))
        assert torch.equal(importance, importance.sort(descending=True).values)


def test_squeezed_channels_are_sorted_too() -> None:
    block = random_block(LARGE)

    sort_channels(block, LARGE)

    importance = block.get_parameter("main.se.expand.weight").abs().sum(dim=(0, 2, 3))
    assert torch.equal(importance, importance.sort(descending=True).values)


def test_sorting_keeps_the_channels_of_widths_already_trained() -> None:
    block, images = random_block(LARGE), random_images(LARGE)
    trained = replace(LARGE, mid_channels=8)

    def of_kept() -> Tensor:
        small = build_block(trained).double().eval()
        small.load_state_dict(slice_state(block, {}, trained))
        out: Tensor = small(images)
        return out

    before = of_kept()
    sort_channels(block, LARGE, kept_mid=(8,))

    # Its SE squeezes to as many channels as the large one, whose order is free.
    assert torch.allclose(of_kept(), before, rtol=0, atol=1e-9)
    importance = block.get_parameter("main.project.conv.weight").abs().sum(dim=(0, 2, 3))
    for group in (importance[:8], importance[8:]):
        assert torch.equal(group, group.sort(descending=True).values)


def test_hidden_channels_that_are_the_input_are_not_sorted() -> None:
    spec = replace(LARGE, mid_channels=4, se=0)
    block, images = random_block(spec), random_images(spec)
    before = block(images)

    sort_channels(block, spec)

    assert torch.equal(block(images), before)
