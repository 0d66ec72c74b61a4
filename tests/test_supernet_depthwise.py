"""`supernet.depthwise`: the same convolution, and gradients, as torch's own."""

import pytest
import torch
from torch import nn

from bench.layers import Conv
from supernet.depthwise import FastDepthwise, is_faster_for


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "size"), [(5, 4), (7, 3), (7, 8), (3, 5)])
def test_outputs_and_gradients_are_those_of_torch(kernel: int, size: int, stride: int) -> None:
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).double()
    shape = (3, 6, size, size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)

    expected, got = conv(x), FastDepthwise(conv)(x)
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    theirs = torch.autograd.grad((expected * weights).sum(), [x, conv.weight])
    ours = torch.autograd.grad((got * weights).sum(), [x, conv.weight])

    assert torch.equal(got, expected)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "size", "groups", "faster"),
    [
        (7, 8, 16, True),
        (7, 9, 16, False),
        (5, 4, 16, True),
        (5, 5, 16, False),
        (3, 1, 16, False),
        (7, 4, 1, False),
    ],
)
def test_it_is_used_for_large_kernels_on_small_maps(
    kernel: int, size: int, groups: int, faster: bool
) -> None:
    layer = Conv(
        name="c", in_size=size, in_channels=16, out_channels=16, kernel=kernel, groups=groups
    )

    assert is_faster_for(layer) is faster
