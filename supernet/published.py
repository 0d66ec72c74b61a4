"""Networks that others published, rebuilt from their shapes to blocks.

The file is a JSON list; each network has a `name`, its shapes (see supernet.shapes) and, where
known, `params_m` and `macs_m` in millions and `latency_ms`. Read as well are OFA's network files
(`net.config`, see supernet.net_config; one, or a list) and lines of an archs file
(`SearchSpace.to_line`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.files import parse_json, read_bytes, read_json
from bench.spec import BlockSpec
from supernet.arch import ArchConfig, parse_line
from supernet.membership import find_arch
from supernet.net_config import blocks_of, is_net_config
from supernet.shapes import LARGEST, read_field, rebuild
from supernet.space import SearchSpace, space_names


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNetwork:
    """A network by its blocks, with the figures that its publisher gave (None where none)."""

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
class Member:
    """The space that a network belongs to, and which of its networks it is."""

    space: str
    arch: ArchConfig


def read_networks(
    path: Path, spaces: Iterable[SearchSpace], resolution: int | None = None
) -> list[PublishedNetwork]:
    """Read a file of networks; `InputError` names the network and the field that is wrong.

    Published networks have ImageNet's 1000 classes and 3 input channels. Lines of an archs file
    are of one of `spaces`. `resolution`, px, is that of OFA's network files; without it, it is
    their `image_size` or `resolution`, or the `image_size` of a `run.config` beside the file.
    """
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no file of networks: {error}") from error
    try:
        data = parse_json(text)
    except ValueError:
        return _read_lines(text, path, spaces)
    if isinstance(data, dict) and "space" in data:
        return _read_lines(text, path, spaces)
    if is_net_config(data):
        # The authors' files are all called net.config: their folders tell them apart.
        name = path.absolute().parent.name if path.name == "net.config" else path.name
        return [_ofa_network(data, name, path, str(path), resolution)]
    if not isinstance(data, list) or not data:
        raise InputError(
            f"{path} holds no JSON list of networks; see `ofabench space check --help`"
        )
    networks = []
    for i, entry in enumerate(data):
        where = f"{path}, network {i}"
        if is_net_config(entry):
            networks.append(_ofa_network(entry, f"network {i}", path, where, resolution))
        else:
            networks.append(_network(entry, where))
    return networks


def member_of(network: PublishedNetwork, spaces: Iterable[SearchSpace]) -> Member | None:
    """Find the first of `spaces` that holds the network; None where none does."""
    for space in spaces:
        arch = find_arch(space, network.blocks)
        if arch is not None:
            return Member(space=space.name, arch=arch)
    return None


def shipped_spaces() -> list[SearchSpace]:
    """Load every shipped space."""
    return [SearchSpace.load(name) for name in space_names()]


def _read_lines(text: str, path: Path, spaces: Iterable[SearchSpace]) -> list[PublishedNetwork]:
    known = {space.name: space for space in spaces}
    networks = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            name, arch = parse_line(line)
            if name not in known:
                raise InputError(f"space is {name!r}, expected one of {', '.join(known)}")
            blocks = known[name].blocks(arch)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        networks.append(PublishedNetwork(name=f"{name}, line {number}", blocks=blocks))
    if not networks:
        raise InputError(f"{path} is empty, expected a JSON list of networks or an archs file")
    return networks


def _ofa_network(
    config: dict[str, Any], name: str, path: Path, where: str, resolution: int | None
) -> PublishedNetwork:
    size = _ofa_resolution(config, path, where) if resolution is None else resolution
    return PublishedNetwork(name=name, blocks=blocks_of(config, size, where))


def _ofa_resolution(config: dict[str, Any], path: Path, where: str) -> int:
    """Side of the images, px: in the network's own JSON, or in the `run.config` beside it."""
    for name in ("image_size", "resolution"):
        if config.get(name) is not None:
            return read_field(config, name, int, where)
    beside = path.with_name("run.config")
    if not beside.exists():
        raise InputError(
            f"{where}: it has no image_size, and no run.config is beside it; give --resolution"
        )
    try:
        return read_field(read_json(beside), "image_size", int, str(beside))
    except RecursionError as error:
        raise InputError(f"{beside} is not JSON: {error}; give --resolution") from error


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
