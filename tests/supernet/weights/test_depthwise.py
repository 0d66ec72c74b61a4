"""`supernet.weights.depthwise`: the same convolution, and gradients, as torch's own."""

import pytest
import torch
from torch import nn

from supernet.weights.depthwise import FastDepthwise, _Depthwise, is_faster_for
from supernet.weights.fast_convolutions import use_fast_convolutions


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "size"), [(5, 4), (7, 3), (7, 8), (3, 5)])
def test_outputs_and_gradients_are_those_of_torch(kernel: int, size: int, stride: int) -> None:
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).double()
    shape = (3, 6, size, size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)

    expected, actual = conv(x), _Depthwise.apply(x, conv.weight, stride)  # type: ignore[no-untyped-call]
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    theirs = torch.autograd.grad((expected * weights).sum(), [x, conv.weight])
    ours = torch.autograd.grad((actual * weights).sum(), [x, conv.weight])

    assert torch.equal(actual, expected)
    for actual_gradient, expected_gradient in zip(ours, theirs, strict=True):
        assert torch.allclose(actual_gradient, expected_gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "size", "faster"),
    [(7, 8, True), (7, 9, False), (5, 4, True), (5, 5, False), (3, 1, False)],
)
def test_it_is_used_for_large_kernels_on_small_maps(kernel: int, size: int, faster: bool) -> None:
    assert is_faster_for(torch.ones(4, 16, size, size), kernel) is faster


def test_it_is_used_in_float32_on_cpus_only() -> None:
    x = torch.ones(4, 16, 4, 4)

    assert is_faster_for(x, 7)
    assert not is_faster_for(x.double(), 7)
    assert not is_faster_for(x.to("meta"), 7)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_faster_for(x, 7)


@pytest.mark.parametrize(
    ("order", "images", "faster"),
    [
        (torch.contiguous_format, 3, False),
        (torch.contiguous_format, 4, True),
        (torch.channels_last, 31, False),
        (torch.channels_last, 32, True),
    ],
)
def test_it_takes_a_few_images_and_more_with_channels_last(
    order: torch.memory_format, images: int, faster: bool
) -> None:
    x = torch.ones(images, 16, 4, 4).contiguous(memory_format=order)

    assert is_faster_for(x, 7) is faster


def took_ours(conv: nn.Module) -> bool:
    x = torch.ones(4, 6, 4, 4, requires_grad=True)
    return "_Depthwise" in type(conv(x).grad_fn).__name__


def test_it_takes_the_place_of_depthwise_convolutions_while_they_train() -> None:
    depthwise = nn.Conv2d(6, 6, 7, padding=3, groups=6, bias=False)
    block = nn.Sequential(depthwise, nn.Conv2d(6, 6, 3))

    use_fast_convolutions(block)

    assert [type(conv) for conv in block] == [FastDepthwise, nn.Conv2d]
    assert block[0].weight is depthwise.weight
    assert (took_ours(block[0]), took_ours(block[0].eval())) == (True, False)
