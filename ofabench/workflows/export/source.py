"""Source of an export: a network of a supernet or an extracted one, in memory or a file."""

from pathlib import Path
from typing import Any

from bench.errors import InputError
from ofabench.workflows.train.extraction import ExtractedNetwork, load_extracted, with_images
from ofabench.workflows.train.supernet import SuperNet, load_supernet, sub_network
from supernet.data.open_data import Data
from supernet.space.space import ArchConfig

Source = ExtractedNetwork | str | Path | tuple[SuperNet | str | Path, ArchConfig | str | Path | Any]
"""A sub-network, its file, or a pair of a supernet (or its file) and an architecture."""
_EXPECTED = (
    "expected a pair (supernet, arch), a sub-network that SuperNet.extract returned, or its file"
)


def open_network(
    network: Source, data: Data | None = None, *, pick: int | None = None, images: bool = True
) -> ExtractedNetwork:
    """Return the sub-network of a source, with its images if they are needed.

    Args:
        network: see `Source`.
        data: other images than the training's.
        pick: which network of the architecture's file, from 1.
        images: whether images are needed.

    Raises:
        InputError: it is no such source, or the images do not fit it.
        FileError: a file cannot be read.
    """
    if isinstance(network, tuple):
        if len(network) != 2:
            raise InputError(f"network is a tuple of {len(network)} values, {_EXPECTED}")
        supernet, arch = network
        if not isinstance(supernet, SuperNet):
            supernet = load_supernet(supernet)
        return sub_network(supernet, arch, pick=pick, data=data)
    if pick is not None:
        raise InputError("--network is one network already; --pick is for --arch")
    if isinstance(network, ExtractedNetwork):
        if data is None and (network.data is not None or not images):
            return network
        return with_images(network.network, data, "the sub-network")
    if isinstance(network, SuperNet):
        raise InputError(f"network is a supernet without an architecture, {_EXPECTED}")
    if not isinstance(network, str | Path):
        raise InputError(f"network is {network!r:.80}, {_EXPECTED}")
    return load_extracted(network, data, images=images)
