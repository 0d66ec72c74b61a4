"""Read OFA's network files (`net.config`): a network as JSON of its layers.

An object has `name` (MobileNetV3 or ProxylessNASNets), `bn`, `first_conv`, `blocks`, for
MobileNetV3 `final_expand_layer`, then `feature_mix_layer` and `classifier`. A block has its
inverted residual under `conv` (or `mobile_inverted_conv`, as older files call it) and a `shortcut`,
null or the identity. Source: mit-han-lab/once-for-all, the `config` of its layers and networks.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from supernet.published.published_blocks import make_spec, read_field
from supernet.space.shared_blocks import make_divisible

ACTS = {None: "none", "none": "none", "relu": "relu", "relu6": "relu6", "h_swish": "hswish"}
MOBILENET, PROXYLESS = "MobileNetV3", "ProxylessNASNets"
NAMES = (MOBILENET, PROXYLESS)
RESIDUALS = ("ResidualBlock", "MobileInvertedResidualBlock")
INVERTED = ("MBConvLayer", "MBInvertedConvLayer")
# Fixed properties of supported layers, also the defaults of missing fields.
_PLAIN = {"dilation": 1, "groups": 1, "bias": False, "has_shuffle": False, "use_se": False}
_INVERTED_DEFAULTS = {"act_func": "relu6", "use_se": False}  # missing in ProxylessNAS's files
_ORDER = "weight_bn_act"


def is_net_config(entry: Any) -> bool:
    """Return whether a JSON value is OFA's description of a network."""
    return isinstance(entry, dict) and "first_conv" in entry


def blocks_of(config: Mapping[str, Any], resolution: int, where: str) -> tuple[BlockSpec, ...]:
    """Return the blocks of the network at a resolution in px.

    `InputError` names `where`, the layer, and what is not supported.
    """
    net = config.get("name")
    if net not in NAMES:
        raise InputError(f"{where}: name is {net!r:.40}, expected {' or '.join(NAMES)}")
    stem = _conv(config, "first_conv", resolution, "stem", where)
    blocks = [stem]
    layers = config.get("blocks")
    if not isinstance(layers, list):
        raise InputError(f"{where}: blocks is {layers!r:.40}, expected a list of layers")
    for index, layer in enumerate(layers):
        block = _block(layer, blocks[-1].out_size, f"{where}, blocks[{index}]")
        if block is not None:
            blocks.append(block)
    size = blocks[-1].out_size
    last = "final_expand_layer" if net == MOBILENET else "feature_mix_layer"
    blocks.append(_conv(config, last, size, "final_expand", where))
    channels = blocks[-1].out_channels
    pooled = {"in_size": blocks[-1].out_size, "in_channels": channels, "out_channels": channels}
    blocks.append(make_spec(where, kind="avg_pool", **pooled))
    if net == MOBILENET:
        blocks.append(_conv(config, "feature_mix_layer", 1, "feature_mix", where))
    blocks.append(_classifier(config, where))
    for previous, following in pairwise(blocks):
        if previous.out_channels != following.in_channels:
            raise InputError(
                f"{where}: a {following.kind} takes {following.in_channels} channels, the layer "
                f"before gives {previous.out_channels}"
            )
    return tuple(blocks)


def _conv(config: Mapping[str, Any], name: str, in_size: int, kind: str, where: str) -> BlockSpec:
    where = f"{where}, {name}"
    layer = _layer(config.get(name), ("ConvLayer",), where)
    plain = {**_PLAIN, "use_bn": kind != "feature_mix", "ops_order": _ORDER}
    if kind != "stem":
        plain |= {"kernel_size": 1, "stride": 1}
    _check(layer, plain, where)
    return make_spec(
        where,
        kind=kind,
        in_size=in_size,
        in_channels=read_field(layer, "in_channels", int, where),
        out_channels=read_field(layer, "out_channels", int, where),
        kernel=read_field(layer, "kernel_size", int, where),
        stride=read_field(layer, "stride", int, where),
        act=_act(layer, where),
    )


def _block(layer: Any, in_size: int, where: str) -> BlockSpec | None:
    """Read an inverted residual; None where the block is only a shortcut."""
    block = _layer(layer, RESIDUALS, where)
    field_name = "conv" if "conv" in block else "mobile_inverted_conv"
    conv, residual = block.get(field_name), _is_identity(block.get("shortcut"), where)
    if conv is None or (isinstance(conv, dict) and conv.get("name") == "ZeroLayer"):
        if not residual:
            raise InputError(
                f"{where}: neither {field_name} nor shortcut, expected at least one of them"
            )
        return None
    where = f"{where}, {field_name}"
    conv = {**_INVERTED_DEFAULTS, **_layer(conv, INVERTED, where)}
    _check(conv, {"groups": None}, where)
    mid = _mid_channels(conv, where)
    return make_spec(
        where,
        kind="mbconv",
        in_size=in_size,
        in_channels=read_field(conv, "in_channels", int, where),
        mid_channels=mid,
        out_channels=read_field(conv, "out_channels", int, where),
        kernel=read_field(conv, "kernel_size", int, where),
        stride=read_field(conv, "stride", int, where),
        act=_act(conv, where),
        se=make_divisible(mid // 4, 8) if read_field(conv, "use_se", bool, where) else 0,
        residual=residual,
    )


def _mid_channels(conv: Mapping[str, Any], where: str) -> int:
    """Return the hidden channels; a ratio of 1 means that there is no expanding convolution."""
    inputs = read_field(conv, "in_channels", int, where)
    ratio = conv.get("expand_ratio")
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1e4:
        raise InputError(f"{where}: expand_ratio is {ratio!r:.40}, expected a number above 0")
    if conv.get("mid_channels") is None:
        mid = round(inputs * ratio)
    else:
        mid = read_field(conv, "mid_channels", int, where)
    if (mid == inputs) != (ratio == 1):
        raise InputError(
            f"{where}: expand_ratio is {ratio:g} for {mid} hidden channels of {inputs}; a block "
            "has an expansion exactly where the two differ"
        )
    return mid


def _is_identity(shortcut: Any, where: str) -> bool:
    if shortcut is None:
        return False
    layer = _layer(shortcut, ("IdentityLayer",), f"{where}, shortcut")
    _check(layer, {"use_bn": False, "act_func": None}, f"{where}, shortcut")
    return True


def _classifier(config: Mapping[str, Any], where: str) -> BlockSpec:
    where = f"{where}, classifier"
    layer = _layer(config.get("classifier"), ("LinearLayer",), where)
    _check(layer, {"bias": True, "use_bn": False, "act_func": None}, where)
    return make_spec(
        where,
        kind="classifier",
        in_size=1,
        in_channels=read_field(layer, "in_features", int, where),
        out_channels=read_field(layer, "out_features", int, where),
    )


def _layer(layer: Any, names: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(layer, dict) or layer.get("name") not in names:
        actual = layer.get("name") if isinstance(layer, dict) else layer
        raise InputError(
            f"{where}: got {actual!r:.40}, expected a layer named {' or '.join(names)}"
        )
    return layer


def _check(layer: Mapping[str, Any], required: Mapping[str, Any], where: str) -> None:
    for name, value in required.items():
        if layer.get(name, value) != value:
            raise InputError(f"{where}: {name} is {layer[name]!r:.40}; only {value!r} is supported")


def _act(layer: Mapping[str, Any], where: str) -> str:
    act = layer.get("act_func")
    if not (act is None or isinstance(act, str)) or act not in ACTS:
        known = ", ".join(name for name in ACTS if name is not None)
        raise InputError(f"{where}: act_func is {act!r:.40}, expected null or one of {known}")
    return ACTS[act]
