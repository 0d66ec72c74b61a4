"""`supernet.export.network_file`: a sub-network's file holds all that decides its logits."""

from pathlib import Path

import pytest
import torch

from bench.blocks.torch_modules import build_network
from supernet.export.model_card import Normalisation
from supernet.export.network_file import StandaloneNetwork, load_network, save_network
from supernet.space.space import SearchSpace


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_a_network_read_back_has_the_same_logits(eps: float, tmp_path: Path) -> None:
    space = SearchSpace.load("tiny")
    arch = space.smallest()
    blocks = space.blocks(arch)
    network = build_network(blocks, norm_eps=eps).eval()
    shades = Normalisation(mean=(0.5,), std=(0.25,))
    cut = StandaloneNetwork(
        space="tiny", arch=arch, blocks=blocks, network=network, normalisation=shades
    )
    images = torch.rand(2, 1, arch.resolution, arch.resolution)

    save_network(tmp_path / "net", cut)
    loaded = load_network(tmp_path / "net")

    assert (loaded.arch, loaded.blocks, loaded.normalisation) == (arch, blocks, shades)
    assert torch.equal(loaded.network(images), network(images))
