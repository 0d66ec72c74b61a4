"""Read published networks and rebuild their blocks from their shapes.

The file is a JSON list; each network has a `name`, its shapes (see `published_blocks`) and, where
known, `params_m` and `macs_m` in millions and `latency_ms`. OFA's network files (`net.config`, see
supernet.published.net_config; a single one or a list) and archs files (supernet.space.arch_file)
are also supported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.files import read_bytes, read_json
from supernet.published.net_config import blocks_of, is_net_config
from supernet.published.published_blocks import LARGEST, read_field, rebuild
from supernet.space.arch import ArchConfig
from supernet.space.arch_file import (
    WrittenNetwork,
    holds_network,
    parse_values,
    spaces_of,
    written_network,
)
from supernet.space.membership import find_arch
from supernet.space.space import SearchSpace, space_names


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNetwork:
    """Network given by its blocks, with optional published figures."""

    name: str
    blocks: tuple[BlockSpec, ...]
    published_params: int | None = None
    published_macs: int | None = None
    latency_ms: float | None = None

    @property
    def resolution(self) -> int:
        return self.blocks[0].in_size

    @property
    def params(self) -> int:
        return sum(block.params for block in self.blocks)

    @property
    def macs(self) -> int:
        return sum(block.macs for block in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceMember:
    """Space that a network belongs to, and its architecture there."""

    space: str
    arch: ArchConfig


def read_networks(
    path: Path, spaces: Iterable[SearchSpace], resolution: int | None = None
) -> list[PublishedNetwork]:
    """Read a file of networks; `InputError` names the network and the wrong field.

    Published networks have ImageNet's 1000 classes and 3 input channels. Networks of an archs file
    belong to the one of `spaces` that they name, or to all that contain them. `resolution`, in px,
    applies to OFA's network files; by default it is their `image_size` or `resolution`, or the
    `image_size` of a `run.config` beside the file. It also applies to architectures without one.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a file of networks: {error}") from error
    values = list(parse_values(text, str(path)))
    if not text.strip():
        raise InputError(f"{path} is empty, expected a JSON list of networks or an archs file")
    known_spaces = list(spaces)
    networks: list[PublishedNetwork] = []
    for value, where in values:
        if is_net_config(value):
            networks.append(_ofa_network(value, path, where, resolution))
        elif not _has_shapes(value) and holds_network(value):
            networks += _in_spaces(written_network(value, where), path, known_spaces, resolution)
        elif where != str(path):
            networks.append(_network(value, where))
    if not networks:
        raise InputError(
            f"{path} holds no JSON list of networks; see `ofabench space check --help`"
        )
    return networks


def member_of(network: PublishedNetwork, spaces: Iterable[SearchSpace]) -> SpaceMember | None:
    """Find the first of `spaces` that holds the network; None where none does."""
    for space in spaces:
        arch = find_arch(space, network.blocks)
        if arch is not None:
            return SpaceMember(space=space.name, arch=arch)
    return None


def shipped_spaces() -> list[SearchSpace]:
    """Load every shipped space."""
    return [SearchSpace.load(name) for name in space_names()]


def _has_shapes(value: Any) -> bool:
    """Return whether a value is a network given by its shapes, possibly damaged."""
    return isinstance(value, dict) and any(name in value for name in ("net", "blocks", "stem_out"))


def _in_spaces(
    network: WrittenNetwork, path: Path, known: Sequence[SearchSpace], resolution: int | None
) -> list[PublishedNetwork]:
    """Return the network in each space that contains it; several where it names none."""
    at = network.where.removeprefix(str(path)).removeprefix(", ") or "line 1"
    return [
        PublishedNetwork(name=f"{space.name}, {at}", blocks=space.blocks(arch))
        for space, arch in spaces_of(network, known, resolution)
    ]


def _ofa_network(
    config: dict[str, Any], path: Path, where: str, resolution: int | None
) -> PublishedNetwork:
    size = _ofa_resolution(config, path, where) if resolution is None else resolution
    location = where.removeprefix(str(path)).removeprefix(", ")
    # All files of the authors are named net.config: use the name of their folder.
    name = location or (path.absolute().parent.name if path.name == "net.config" else path.name)
    return PublishedNetwork(name=name, blocks=blocks_of(config, size, where))


def _ofa_resolution(config: dict[str, Any], path: Path, where: str) -> int:
    """Return the image size in px, from the network's JSON or the `run.config` beside it."""
    for name in ("image_size", "resolution"):
        if config.get(name) is not None:
            return read_field(config, name, int, where)
    run_config = path.with_name("run.config")
    if not run_config.exists():
        raise InputError(
            f"{where}: it has no image_size, and no run.config is beside it; give --resolution"
        )
    try:
        return read_field(read_json(run_config), "image_size", int, str(run_config))
    except RecursionError as error:
        raise InputError(f"{run_config} is not JSON: {error}; give --resolution") from error


def _network(entry: Any, where: str) -> PublishedNetwork:
    name = read_field(entry, "name", str, where)
    where = f"{where} ({name})"
    return PublishedNetwork(
        name=name,
        blocks=rebuild(entry, where),
        published_params=_millions(entry, "params_m", where),
        published_macs=_millions(entry, "macs_m", where),
        latency_ms=_optional_number(entry, "latency_ms", where),
    )


def _optional_number(entry: dict[str, Any], name: str, where: str) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= LARGEST:
        raise InputError(f"{where}: {name} is {value!r:.40}, expected a number")
    return float(value)


def _millions(entry: dict[str, Any], name: str, where: str) -> int | None:
    value = _optional_number(entry, name, where)
    return None if value is None else round(value * 1e6)
