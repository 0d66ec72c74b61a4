"""Networks that others published, rebuilt from their shapes to blocks.

The file is a JSON list; each network has `name`, `net` (MobileNetV3 or ProxylessNASNets),
`resolution`, `stem_out`, `final_expand`, `feature_mix`, `blocks`, and, where known, `params_m` and
`macs_m` in millions. A block has in_channels, mid, out_channels, kernel, stride, act, se, residual.
Lines of an archs file (`SearchSpace.to_line`) are read as well.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import InputError
from bench.files import read_bytes
from bench.spec import BlockSpec
from supernet.arch import ArchConfig, parse_line
from supernet.membership import find_arch
from supernet.space import SearchSpace, space_names
from supernet.units import make_divisible

T = TypeVar("T")

_ACTS = {"relu": "relu", "relu6": "relu6", "h_swish": "hswish", "hswish": "hswish"}
_NETS = {"MobileNetV3": "hswish", "ProxylessNASNets": "relu6"}  # act of stem and head
_CLASSES, _IN_CHANNELS = 1000, 3  # ImageNet's, which the published shapes leave out
_LARGEST = 2**31


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


def read_networks(path: Path, spaces: Iterable[SearchSpace]) -> list[PublishedNetwork]:
    """Read a file of networks; `InputError` names the network and the field that is wrong.

    Published networks have ImageNet's 1000 classes and 3 input channels. Lines of an archs file
    are of one of `spaces`.
    """
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no file of networks: {error}") from error
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _read_lines(text, path, spaces)
    if isinstance(data, dict) and "space" in data:
        return _read_lines(text, path, spaces)
    if not isinstance(data, list) or not data:
        raise InputError(
            f"{path} holds no JSON list of networks; see `ofabench space check --help`"
        )
    return [_network(entry, f"{path}, network {i}") for i, entry in enumerate(data)]


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


def _network(entry: Any, where: str) -> PublishedNetwork:
    name = _field(entry, "name", str, where)
    where = f"{where} ({name})"
    return PublishedNetwork(
        name=name,
        blocks=_rebuild(entry, where),
        published_params=_millions(entry, "params_m", where),
        published_macs=_millions(entry, "macs_m", where),
        latency_ms=_optional_number(entry, "latency_ms", where),
    )


def _rebuild(entry: dict[str, Any], where: str) -> tuple[BlockSpec, ...]:
    net = _field(entry, "net", str, where)
    if net not in _NETS:
        raise InputError(f"{where}: net is {net!r}, expected {' or '.join(_NETS)}")
    act = _NETS[net]
    shapes = entry.get("blocks")
    if isinstance(shapes, str):  # a list that its file keeps as text
        try:
            shapes = json.loads(shapes)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: blocks is text that is not JSON: {error}") from error
    if not isinstance(shapes, list) or not shapes:
        raise InputError(f"{where}: blocks is {shapes!r}, expected a list of shapes")
    stem = _spec(
        where,
        kind="stem",
        in_size=_field(entry, "resolution", int, where),
        in_channels=_IN_CHANNELS,
        out_channels=_field(entry, "stem_out", int, where),
        kernel=3,
        stride=2,
        act=act,
    )
    blocks = [stem]
    for i, shape in enumerate(shapes):
        block = _block(shape, blocks[-1].out_size, f"{where}, blocks[{i}]")
        if block.in_channels != blocks[-1].out_channels:
            raise InputError(
                f"{where}, blocks[{i}]: in_channels is {block.in_channels}, "
                f"the block before has {blocks[-1].out_channels}"
            )
        blocks.append(block)
    return tuple(blocks) + _head(entry, blocks[-1], act, where)


def _block(shape: Any, in_size: int, where: str) -> BlockSpec:
    act = _field(shape, "act", str, where)
    if act not in _ACTS:
        raise InputError(f"{where}: act is {act!r}, expected one of {', '.join(_ACTS)}")
    mid = _field(shape, "mid", int, where)
    return _spec(
        where,
        kind="mbconv",
        in_size=in_size,
        in_channels=_field(shape, "in_channels", int, where),
        mid_channels=mid,
        out_channels=_field(shape, "out_channels", int, where),
        kernel=_field(shape, "kernel", int, where),
        stride=_field(shape, "stride", int, where),
        act=_ACTS[act],
        se=make_divisible(mid // 4, 8) if _field(shape, "se", bool, where) else 0,
        residual=_field(shape, "residual", bool, where),
    )


def _head(entry: dict[str, Any], last: BlockSpec, act: str, where: str) -> tuple[BlockSpec, ...]:
    """MobileNetV3 mixes features after the pooling; ProxylessNAS has nothing there."""
    expanded = _field(entry, "final_expand", int, where)
    final = _spec(
        where,
        kind="final_expand",
        in_size=last.out_size,
        in_channels=last.out_channels,
        out_channels=expanded,
        act=act,
    )
    pool = _spec(
        where, kind="avg_pool", in_size=final.out_size, in_channels=expanded, out_channels=expanded
    )
    one = _spec(where, kind="classifier", in_size=1, in_channels=expanded, out_channels=_CLASSES)
    if entry["net"] == "ProxylessNASNets":
        return final, pool, one
    mixed = _field(entry, "feature_mix", int, where)
    mix = _spec(
        where, kind="feature_mix", in_size=1, in_channels=expanded, out_channels=mixed, act=act
    )
    return final, pool, mix, replace(one, in_channels=mixed)


def _spec(where: str, **shape: Any) -> BlockSpec:
    try:
        return BlockSpec(**shape)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _field(entry: Any, name: str, kind: type[T], where: str) -> T:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: {type(entry).__name__}, expected a JSON object")
    value = entry.get(name)
    no_integer = kind is int and isinstance(value, bool)
    too_large = isinstance(value, int) and abs(value) > _LARGEST
    if not isinstance(value, kind) or no_integer or too_large:
        raise InputError(f"{where}: {name} is {value!r:.40}, expected {kind.__name__}")
    return value


def _optional_number(entry: dict[str, Any], name: str, where: str) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= _LARGEST:
        raise InputError(f"{where}: {name} is {value!r:.40}, expected a number")
    return float(value)


def _millions(entry: dict[str, Any], name: str, where: str) -> int | None:
    value = _optional_number(entry, name, where)
    return None if value is None else round(value * 1e6)
