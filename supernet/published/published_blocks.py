"""Rebuild the blocks of a published network from its shapes.

A network has `net` (MobileNetV3 or ProxylessNASNets), `resolution`, `stem_out`, `final_expand`,
`feature_mix` and `blocks`; a block has in_channels, mid, out_channels, kernel, stride, act, se and
residual. Squeeze-excite takes a quarter of `mid`, to a multiple of 8.
"""

from dataclasses import replace
from typing import Any, TypeVar

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.files import parse_json
from supernet.space.shared_blocks import make_divisible

T = TypeVar("T")

_ACTS = {"relu": "relu", "relu6": "relu6", "h_swish": "hswish", "hswish": "hswish"}
_NETS = {"MobileNetV3": "hswish", "ProxylessNASNets": "relu6"}  # act of stem and head
_CLASSES, _IN_CHANNELS = 1000, 3  # of ImageNet; not part of the published shapes
LARGEST = 2**31  # largest plausible figure of a network


def rebuild(entry: dict[str, Any], where: str) -> tuple[BlockSpec, ...]:
    """Return the blocks of a published network; `InputError` names `where` and the wrong field."""
    net = read_field(entry, "net", str, where)
    if net not in _NETS:
        raise InputError(f"{where}: net is {net!r}, expected {' or '.join(_NETS)}")
    act = _NETS[net]
    shapes = entry.get("blocks")
    if isinstance(shapes, str):  # a list stored as text
        try:
            shapes = parse_json(shapes)
        except ValueError as error:
            raise InputError(f"{where}: blocks is text that is not JSON: {error}") from error
    if not isinstance(shapes, list) or not shapes:
        raise InputError(f"{where}: blocks is {shapes!r}, expected a list of shapes")
    stem = make_spec(
        where,
        kind="stem",
        in_size=read_field(entry, "resolution", int, where),
        in_channels=_IN_CHANNELS,
        out_channels=read_field(entry, "stem_out", int, where),
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
    act = read_field(shape, "act", str, where)
    if act not in _ACTS:
        raise InputError(f"{where}: act is {act!r}, expected one of {', '.join(_ACTS)}")
    mid = read_field(shape, "mid", int, where)
    return make_spec(
        where,
        kind="mbconv",
        in_size=in_size,
        in_channels=read_field(shape, "in_channels", int, where),
        mid_channels=mid,
        out_channels=read_field(shape, "out_channels", int, where),
        kernel=read_field(shape, "kernel", int, where),
        stride=read_field(shape, "stride", int, where),
        act=_ACTS[act],
        se=make_divisible(mid // 4, 8) if read_field(shape, "se", bool, where) else 0,
        residual=read_field(shape, "residual", bool, where),
    )


def _head(entry: dict[str, Any], last: BlockSpec, act: str, where: str) -> tuple[BlockSpec, ...]:
    """Return the head; MobileNetV3 has a feature mix after the pooling, ProxylessNAS has none."""
    expanded = read_field(entry, "final_expand", int, where)
    final = make_spec(
        where,
        kind="final_expand",
        in_size=last.out_size,
        in_channels=last.out_channels,
        out_channels=expanded,
        act=act,
    )
    pool = make_spec(
        where, kind="avg_pool", in_size=final.out_size, in_channels=expanded, out_channels=expanded
    )
    classifier = make_spec(
        where, kind="classifier", in_size=1, in_channels=expanded, out_channels=_CLASSES
    )
    if entry["net"] == "ProxylessNASNets":
        return final, pool, classifier
    mixed = read_field(entry, "feature_mix", int, where)
    mix = make_spec(
        where, kind="feature_mix", in_size=1, in_channels=expanded, out_channels=mixed, act=act
    )
    return final, pool, mix, replace(classifier, in_channels=mixed)


def make_spec(where: str, **shape: Any) -> BlockSpec:
    """Make a block; `InputError` names `where` and the invalid property."""
    try:
        return BlockSpec(**shape)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def read_field(entry: Any, name: str, kind: type[T], where: str) -> T:
    """Read a field of a type; `InputError` names `where` and the field."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}: {type(entry).__name__}, expected a JSON object")
    value = entry.get(name)
    is_bool = kind is int and isinstance(value, bool)
    too_large = isinstance(value, int) and abs(value) > LARGEST
    if not isinstance(value, kind) or is_bool or too_large:
        raise InputError(f"{where}: {name} is {value!r:.40}, expected {kind.__name__}")
    return value
