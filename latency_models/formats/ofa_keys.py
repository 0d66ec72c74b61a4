"""Convert between blocks and the keys of OFA's look-up tables, in both key styles.

MobileNetV3's keys (`WIDE`) give the hidden channels as `expand`, and `se` and `hs`. ProxylessNAS's
keys (`RATIO`) give the ratio of hidden to input channels; their blocks have ReLU6 and no
squeeze-excite.
Source: mit-han-lab/once-for-all, `latency_lookup_table`.
"""

import re
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.errors import InputError

WIDE, RATIO = "MobileNetV3", "ProxylessNAS"

# Sizes and widths have at most 6 digits; longer numbers are damage, and slow to read.
_KEY = re.compile(
    r"(?P<op>[A-Za-z0-9_]{1,20})-input:(?P<size>N)x(?P<height>N)x(?P<cin>N)"
    r"-output:(?:(?P<out>N)x(?P<out_height>N)x)?(?P<cout>N)"
    r"(?:-expand:(?P<expand>N(?:\.[0-9]{1,20})?)-kernel:(?P<kernel>N)-stride:(?P<stride>N)"
    r"-idskip:(?P<skip>[01])(?:-se:(?P<se>[01])-hs:(?P<hs>[01]))?)?".replace("N", "[0-9]{1,6}")
)
_NAMES = {"stem": "Conv", "final_expand": "Conv_1", "avg_pool": "AvgPool2D"}
_NAMES |= {"feature_mix": "Conv_2", "classifier": "Logits"}
_KINDS = {name: kind for kind, name in _NAMES.items()}
_POOLING = ("avg_pool", "feature_mix")  # the ratio style has no keys for them


def key_of(spec: BlockSpec, style: str = WIDE, *, size: int | None = None) -> str:
    """Return the key of a block; `InputError` where no key of the style reads back as the block.

    `size` is the input size of the pooling before a classifier: the ratio style times both
    together, under that size.
    """
    side, out = size or spec.in_size, spec.out_size
    if spec.kind not in (*_NAMES, "mbconv") or (style == RATIO and spec.kind in _POOLING):
        raise InputError(f"OFA's {style} keys cannot name {spec.key}")
    shape = f"-input:{side}x{side}x{spec.in_channels}-output:{out}x{out}x{spec.out_channels}"
    if spec.kind == "mbconv":
        key = f"expanded_conv{shape}-{_numbers(spec, style)}"
    elif spec.kind == "classifier":
        key = f"Logits-input:{side}x{side}x{spec.in_channels}-output:{spec.out_channels}"
    else:
        key = f"{_NAMES[spec.kind]}{shape}"
    if parse_key(key, wide=style == WIDE) != spec:
        raise InputError(f"OFA's {style} keys cannot name {spec.key}: they have no such act or se")
    return key


def parse_key(key: str, *, wide: bool) -> BlockSpec:
    """Return the block that a key names; `wide` selects the MobileNetV3 style."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise InputError(f"not a key of an OFA look-up table: {key[:200]!r}")
    text = match.groupdict()
    size, out = text["size"], text["out"]
    if (size, out) != (text["height"], text["out_height"]):
        raise InputError(f"the key {key!r} is not of square features")
    act = "hswish" if wide else "relu6"
    common: dict[str, Any] = {
        "in_size": int(size),
        "in_channels": int(text["cin"]),
        "out_channels": int(text["cout"]),
    }
    if text["op"] == "expanded_conv" and text["expand"] is not None:
        spec = _mbconv(key, text, common, wide=wide)
    elif text["op"] not in _KINDS or text["expand"] is not None:
        raise InputError(f"unknown operation {text['op']!r} in the key {key!r}")
    else:
        spec = _plain_block(_KINDS[text["op"]], common, act)
    if spec.kind != "classifier" and out != str(spec.out_size):
        raise InputError(f"the key {key!r} has an output of {out} px, not {spec.out_size}")
    return spec


def _numbers(spec: BlockSpec, style: str) -> str:
    """Return the second half of a block's key: everything except input and output."""
    common = f"kernel:{spec.kernel}-stride:{spec.stride}-idskip:{int(spec.residual)}"
    if style == WIDE:
        flags = f"se:{int(spec.se > 0)}-hs:{int(spec.act == 'hswish')}"
        return f"expand:{spec.mid_channels}-{common}-{flags}"
    ratio, remainder = divmod(spec.mid_channels, spec.in_channels)
    if remainder or not ratio:
        raise InputError(
            f"OFA's {style} keys give the hidden channels as a whole multiple of the input's, "
            f"{spec.mid_channels} is no multiple of {spec.in_channels}: {spec.key}"
        )
    return f"expand:{ratio}-{common}"


def _mbconv(key: str, text: dict[str, Any], common: dict[str, Any], *, wide: bool) -> BlockSpec:
    if wide != (text["se"] is not None):
        raise InputError(f"the key {key!r} is of another style than the other keys of its table")
    mid = round(float(text["expand"]) * (1 if wide else common["in_channels"]))
    return BlockSpec(
        kind="mbconv",
        mid_channels=mid,
        kernel=int(text["kernel"]),
        stride=int(text["stride"]),
        act={"1": "hswish", "0": "relu", None: "relu6"}[text["hs"]],
        se=squeezed(mid) if text["se"] == "1" else 0,
        residual=text["skip"] == "1",
        **common,
    )


def _plain_block(kind: str, common: dict[str, Any], act: str) -> BlockSpec:
    if kind == "stem":
        return BlockSpec(kind=kind, kernel=3, stride=2, act=act, **common)
    if kind == "avg_pool":
        return BlockSpec(kind=kind, **common)
    if kind == "classifier":
        # The ratio style times pooling and classifier together, under the size before the pooling.
        return BlockSpec(kind=kind, **{**common, "in_size": 1})
    return BlockSpec(kind=kind, act=act, **common)


def squeezed(mid_channels: int) -> int:
    """Return the width of squeeze-excite: a quarter as a multiple of 8, at least 90 % of it."""
    quarter = mid_channels // 4
    rounded = max(8, (quarter + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * quarter else rounded + 8
