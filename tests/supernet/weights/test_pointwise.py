"""`supernet.weights.pointwise`: the same convolution, and gradients, as torch's own."""

import pytest
import torch
from torch import Tensor, nn

from supernet.space.space import SearchSpace
from supernet.weights import pointwise
from supernet.weights.fast_convolutions import use_fast_convolutions
from supernet.weights.model import SuperNet
from supernet.weights.pointwise import PointwiseConv, is_product_for


@pytest.fixture
def as_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matrix products for all images, as on a GPU."""
    monkeypatch.setattr(pointwise, "is_product_for", lambda _: True)


def images(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.usefixtures("as_on_gpu")
@pytest.mark.parametrize("bias", [False, True])
def test_outputs_and_gradients_are_those_of_torch(bias: bool) -> None:
    conv = nn.Conv2d(5, 7, 1, bias=bias).double()
    x = images(3, 5, 4, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    inputs = [x, *conv.parameters()]

    expected, actual = conv(x), PointwiseConv(conv)(x)
    weights = images(*expected.shape)
    theirs = torch.autograd.grad((expected * weights).sum(), inputs)
    ours = torch.autograd.grad((actual * weights).sum(), inputs)

    assert torch.allclose(actual, expected, rtol=0, atol=1e-12)
    assert actual.is_contiguous(memory_format=torch.channels_last)
    for actual_gradient, expected_gradient in zip(ours, theirs, strict=True):
        assert torch.allclose(actual_gradient, expected_gradient, rtol=0, atol=1e-12)


def test_matrix_products_are_for_gpus_only() -> None:
    x = torch.ones(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)

    assert not is_product_for(x)


def test_they_take_the_place_of_1x1_convolutions_with_stride_1() -> None:
    first, strided, grouped = (
        nn.Conv2d(4, 8, 1),
        nn.Conv2d(8, 8, 1, stride=2),
        nn.Conv2d(8, 4, 1, groups=2),
    )
    block = nn.Sequential(first, strided, grouped)

    use_fast_convolutions(block)

    assert [type(conv) for conv in block] == [PointwiseConv, nn.Conv2d, nn.Conv2d]
    assert (block[0].weight, block[0].bias) == (first.weight, first.bias)


@pytest.mark.parametrize("space_name", ["tiny", "ofa-resnet50d"])
def test_a_sub_network_has_the_same_outputs_and_gradients(
    space_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = SearchSpace.load(space_name)
    network = SuperNet(space, seed=0).train()
    arch = space.smallest()  # every shared weight is sliced
    shape = (2, space.in_channels, arch.resolution, arch.resolution)
    x = images(*shape).float().contiguous(memory_format=torch.channels_last)

    def outputs_and_gradient() -> tuple[Tensor, Tensor]:
        network.zero_grad()
        logits = network(x, arch)
        logits.square().sum().backward()
        weights = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        return logits.detach(), torch.cat(weights)

    expected = outputs_and_gradient()
    monkeypatch.setattr(pointwise, "is_product_for", lambda _: True)
    actual = outputs_and_gradient()

    for ours, theirs in zip(actual, expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))
