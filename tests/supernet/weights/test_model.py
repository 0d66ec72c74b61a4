"""`supernet.weights.model`: sub-networks in place and cut out are the same networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.errors import InputError
from supernet.space.space import ArchConfig, SearchSpace
from supernet.weights.model import SuperNet

SMALL_PIXELS = 128


@pytest.fixture(scope="module")
def tiny() -> SearchSpace:
    return SearchSpace.load("tiny")


def shaken(space: SearchSpace, seed: int = 0) -> SuperNet:
    """Return a float64 supernet whose transforms and statistics are no longer the initial ones."""
    network = SuperNet(space, seed).double().eval()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.empty_like(tensor).normal_(generator=generator)
            tensor.add_(0.1 * (noise.abs() if name.endswith("running_var") else noise))
    return network


def images_of(space: SearchSpace, arch: ArchConfig, n: int = 2) -> torch.Tensor:
    shape = (n, space.in_channels, arch.resolution, arch.resolution)
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@torch.no_grad()
def largest_difference(network: SuperNet, arch: ArchConfig, n: int) -> float:
    images = images_of(network.space, arch, n)
    in_place, cut_out = network(images, arch), network.extract(arch)(images)
    assert in_place.shape == (n, network.space.classes)
    scale = max(1.0, float(in_place.abs().max()))
    return float((in_place - cut_out).abs().max()) / scale


@pytest.mark.slow
def test_two_hundred_networks_of_tiny_agree_in_place_and_cut_out(tiny: SearchSpace) -> None:
    network = shaken(tiny)
    archs = tiny.sample(np.random.default_rng(1), 200)

    worst = max(largest_difference(network, arch, n=1) for arch in archs)

    assert worst < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ofa-mbv3-w1.0", "ofa-proxyless-w1.3", "ofa-resnet50d"])
def test_networks_of_the_published_spaces_agree(name: str) -> None:
    space = SearchSpace.load(name)
    network = shaken(space)
    archs = space.sample(np.random.default_rng(2), 3, resolutions=(SMALL_PIXELS,))
    archs += [space.smallest(SMALL_PIXELS), space.largest(SMALL_PIXELS)]

    assert max(largest_difference(network, arch, n=1) for arch in archs) < 1e-9


def test_earlier_networks_leave_no_trace(tiny: SearchSpace) -> None:
    network = shaken(tiny)
    arch = tiny.largest()
    images = images_of(tiny, arch)
    before = network(images, arch)

    network(images_of(tiny, tiny.smallest()), tiny.smallest())

    assert torch.equal(network(images, arch), before)


def test_an_extracted_network_shares_no_weights(tiny: SearchSpace) -> None:
    network = shaken(tiny)
    cut_out = network.extract(tiny.smallest())
    images = images_of(tiny, tiny.smallest())
    before = cut_out(images)

    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()

    assert torch.equal(cut_out(images), before)


def test_initial_weights_depend_on_the_seed_only(tiny: SearchSpace) -> None:
    torch.manual_seed(1)
    first = SuperNet(tiny, seed=5)
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    second, other = SuperNet(tiny, seed=5), SuperNet(tiny, seed=6)

    assert torch.equal(torch.random.get_rng_state(), state)
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(
        first.unit("stem").block.get_parameter("main.conv.conv.weight"),
        other.unit("stem").block.get_parameter("main.conv.conv.weight"),
    )


def test_sorting_preserves_the_outputs_of_the_largest_network(tiny: SearchSpace) -> None:
    network = shaken(tiny)
    arch = tiny.largest()
    images = images_of(tiny, arch)
    with torch.no_grad():
        before = network(images, arch)
        network.sort_channels()
        after = network(images, arch)

    assert torch.allclose(after, before, rtol=0, atol=1e-9)


def test_every_shared_weight_is_trained_by_the_largest_network_but_the_transforms(
    tiny: SearchSpace,
) -> None:
    network = SuperNet(tiny).train()
    arch = tiny.largest()

    network(images_of(tiny, arch, n=4).float(), arch).square().sum().backward()

    without = {name for name, p in network.named_parameters() if p.grad is None}
    assert without == {name for name, _ in network.named_parameters() if "transforms" in name}


def test_the_network_is_in_the_mode_of_the_supernet(tiny: SearchSpace) -> None:
    network = SuperNet(tiny).train()

    modes = {m.training for m in network.extract(tiny.smallest()).modules()}

    assert modes == {True}
    assert not any(m.training for m in network.eval().extract(tiny.largest()).modules())


def test_an_architecture_outside_the_space_is_refused(tiny: SearchSpace) -> None:
    arch = replace(tiny.smallest(), resolution=33)

    with pytest.raises(InputError, match="resolution"):
        SuperNet(tiny)(torch.zeros(1, 1, 33, 33), arch)


@pytest.mark.parametrize(("name", "eps"), [("tiny", 1e-5), ("ofa-proxyless-w1.3", 1e-3)])
def test_norms_follow_the_space(name: str, eps: float) -> None:
    space = SearchSpace.load(name)
    network = SuperNet(space)

    for module in (network, network.extract(space.smallest())):
        assert {m.eps for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {eps}


def test_a_proxyless_network_runs_with_its_own_norms() -> None:
    space = SearchSpace.load("ofa-proxyless-w1.3")
    network, arch = SuperNet(space).eval(), space.smallest()
    images = images_of(space, arch, n=1).float()[:, :, :64, :64]
    cut = network.extract(arch)
    as_cut = cut(images)

    assert torch.allclose(network(images, arch), as_cut, rtol=0, atol=1e-6)
    for module in cut.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-5
    assert not torch.allclose(network(images, arch), cut(images), rtol=0, atol=1e-6)
