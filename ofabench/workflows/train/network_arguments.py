"""Arguments that name networks: architectures, codes, words, files."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError
from supernet.search.result_file import read_network
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace

ENDS = ("largest", "smallest")
_EXPECTED = (
    "expected an ArchConfig, a search's result, one of the words largest and smallest, or a file "
    "of a search's result or of archs"
)


def codes_of(archs: Sequence[ArchConfig] | Codes, space: SearchSpace) -> Codes:
    """Return networks as canonical codes (n, columns).

    Args:
        archs: architectures, or their codes (n, columns) of whole numbers.
        space: the space of the networks.

    Raises:
        InputError: the argument is something else, or the space has no such network.

    Example:
        >>> tiny = SearchSpace.load("tiny")
        >>> codes_of([tiny.smallest()], tiny).shape
        (1, 20)
    """
    if isinstance(archs, np.ndarray):
        width = len(space.columns)
        if archs.ndim != 2 or archs.shape[1] != width or archs.dtype.kind not in "iu":
            raise InputError(
                f"codes are {archs.dtype} of the shape {archs.shape}, expected whole numbers "
                f"(n, {width}) for networks of {space.name}"
            )
        codes = archs.astype(np.int16)
        space.check_codes(codes)
        return codes
    if isinstance(archs, str | bytes | Mapping) or not isinstance(archs, Sequence):
        raise InputError(
            f"archs is {archs!r:.80}, expected a list of ArchConfigs or codes (n, columns)"
        )
    for index, arch in enumerate(archs):
        if not isinstance(arch, ArchConfig):
            raise InputError(f"archs[{index}] is {arch!r:.80}, expected an ArchConfig")
    return space.encode(list(archs))


def arch_of(arch: Any, space: SearchSpace, pick: int | None = None) -> ArchConfig:
    """Return the architecture of an argument, in the space's canonical form.

    Args:
        arch: an `ArchConfig`, an object that has one as `.arch`, "largest", "smallest", or a file
            of a search's result or of archs.
        space: the space of the network.
        pick: which network of a file, from 1.

    Raises:
        InputError: it is something else, or of another space.
        FileError: the file cannot be read.

    Example:
        >>> tiny = SearchSpace.load("tiny")
        >>> arch_of("smallest", tiny) == tiny.smallest()
        True
    """
    if isinstance(arch, str | os.PathLike):
        return _named(os.fspath(arch), space, pick)
    if pick is not None:
        raise InputError("pick is for a file of several networks, got a network")
    config = arch if isinstance(arch, ArchConfig) else getattr(arch, "arch", None)
    if not isinstance(config, ArchConfig):
        raise InputError(f"arch is {arch!r:.80}, {_EXPECTED}")
    arch_space = getattr(arch, "space", None)
    if isinstance(arch_space, SearchSpace) and arch_space.name != space.name:
        raise InputError(f"arch is a network of {arch_space.name}, the supernet is of {space.name}")
    return space.canonical(config)


def _named(text: str, space: SearchSpace, pick: int | None) -> ArchConfig:
    """The architecture of a file, or one of the space's ends by a word."""
    if text in ENDS:
        if pick is not None:
            raise InputError(f"--arch {text} is one network; --pick is for a file of several")
        return space.largest() if text == "largest" else space.smallest()
    network = read_network(Path(text), pick, space)
    if network.space != space.name:
        raise InputError(
            f"{text} holds a network of {network.space}, the checkpoint is of {space.name}; "
            "search in the checkpoint's space"
        )
    return space.canonical(network.arch)
