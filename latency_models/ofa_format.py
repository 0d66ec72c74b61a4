"""OFA's look-up tables: YAML of `{count, mean, std or var}` in ms under keys that name blocks.

Two styles of key: MobileNetV3's give the hidden channels as `expand` beside `se` and `hs`,
ProxylessNAS's give the ratio and neither. Source: mit-han-lab/once-for-all, `latency_lookup_table`.
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import FileError, InputError
from bench.files import read_bytes
from bench.spec import BlockSpec, Target
from latency_models.storage import origin
from latency_models.table import LatencyTable, frame_of

_KEY = re.compile(
    r"(?P<op>[A-Za-z0-9_]+)-input:(?P<size>\d+)x\d+x(?P<cin>\d+)"
    r"-output:(?:(?P<out>\d+)x\d+x)?(?P<cout>\d+)"
    r"(?:-expand:(?P<expand>\d+(?:\.\d+)?)-kernel:(?P<kernel>\d+)-stride:(?P<stride>\d+)"
    r"-idskip:(?P<skip>[01])(?:-se:(?P<se>[01])-hs:(?P<hs>[01]))?)?"
)
_ENTRY = re.compile(r"(?P<indent> *)(?P<name>[^\s#].*?):(?:\s+(?P<value>\S+))?")
_SE_SHARE = 4  # squeeze-excite reduces by 4 in every space that has such tables


def from_ofa(paths: Sequence[Path], target: Target) -> LatencyTable:
    """Read look-up tables, of one resolution each or not, as one.

    Blocks that several have get the mean. `std` gives the interval (mean plus or minus 1.96
    standard errors over `count` runs). `FileError` names the file and what is wrong in it.
    """
    figures: dict[BlockSpec, list[tuple[float, float]]] = {}
    for path in paths:
        try:
            for spec, pair in _read(read_bytes(path).decode()).items():
                figures.setdefault(spec, []).append(pair)
        except (InputError, UnicodeDecodeError) as error:
            raise FileError(f"{path} is no OFA look-up table: {error}") from error
    means = np.array([np.mean([mean for mean, _ in pairs]) for pairs in figures.values()])
    errors = np.array([np.mean([error for _, error in pairs]) for pairs in figures.values()])
    figured = {"latency_ms": means, "low_ms": means - errors, "high_ms": means + errors}
    told = {"source": ", ".join(path.name for path in paths), "format": "OFA", **origin()}
    return LatencyTable(target=target, provenance=told, rows=frame_of(list(figures), **figured))


def _read(text: str) -> dict[BlockSpec, tuple[float, float]]:
    """Mean and half-width in ms of each block of one file."""
    entries = dict(_entries(text))
    if not entries:
        raise InputError("it is empty, expected keys like Conv-input:224x224x3-output:...")
    wide = any("-se:" in key for key in entries)
    found = {}
    for key, values in entries.items():
        spec, mean = parse_key(key, wide=wide), values.get("mean", math.nan)
        if not (math.isfinite(mean) and mean > 0):
            raise InputError(f"the mean of {key!r} is {mean}, expected ms above 0")
        spread = values.get("std", values.get("var", math.nan) ** 0.5)
        found[spec] = (mean, 1.96 * spread / max(values.get("count", 1.0), 1.0) ** 0.5)
    return found


def to_ofa(table: LatencyTable) -> str:
    """Write a table in the MobileNetV3 style; `InputError` for a block which that cannot name."""
    lines = []
    for spec, ms in zip(table.specs, table.rows["latency_ms"], strict=True):
        lines += [f"{key_of(spec)}:", "  count: 1", f"  mean: {ms!r}", "  std: 0.0"]
    if len({line for line in lines if not line.startswith(" ")}) != len(table):
        raise InputError("two blocks of the table share a key in OFA's format")
    return "\n".join(lines) + "\n"


def key_of(spec: BlockSpec) -> str:
    """Key of a block in the MobileNetV3 style."""
    size, out = spec.in_size, spec.out_size
    shape = f"{size}x{size}x{spec.in_channels}-output:{out}x{out}x{spec.out_channels}"
    if spec.kind == "mbconv":
        if spec.act not in ("relu", "hswish") or spec.se not in (0, _squeezed(spec.mid_channels)):
            raise InputError(f"OFA's keys cannot name {spec.key}")
        return (
            f"expanded_conv-input:{shape}-expand:{spec.mid_channels}-kernel:{spec.kernel}"
            f"-stride:{spec.stride}-idskip:{int(spec.residual)}-se:{int(spec.se > 0)}"
            f"-hs:{int(spec.act == 'hswish')}"
        )
    names = {"stem": "Conv", "final_expand": "Conv_1", "avg_pool": "AvgPool2D"}
    names |= {"feature_mix": "Conv_2"}
    if spec.kind in names:
        return f"{names[spec.kind]}-input:{shape}"
    if spec.kind == "classifier":
        return f"Logits-input:{size}x{size}x{spec.in_channels}-output:{spec.out_channels}"
    raise InputError(f"OFA's keys cannot name {spec.key}")


def parse_key(key: str, *, wide: bool) -> BlockSpec:
    """Block that a key names; `wide` says the table is of the MobileNetV3 style."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise InputError(f"not a key of an OFA look-up table: {key!r}")
    text = match.groupdict()
    size, cin, cout = int(text["size"]), int(text["cin"]), int(text["cout"])
    act = "hswish" if wide else "relu6"
    common: dict[str, Any] = {"in_size": size, "in_channels": cin, "out_channels": cout}
    if text["op"] == "expanded_conv" and text["expand"] is not None:
        return _mbconv(key, text, common, wide=wide)
    if text["op"] == "Conv":
        return BlockSpec(kind="stem", kernel=3, stride=2, act=act, **common)
    if text["op"] == "Conv_1":
        return BlockSpec(kind="final_expand", act=act, **common)
    if text["op"] == "AvgPool2D":
        return BlockSpec(kind="avg_pool", **common)
    if text["op"] == "Conv_2":
        return BlockSpec(kind="feature_mix", act=act, **common)
    if text["op"] == "Logits":
        # ProxylessNAS's table times pooling and classifier as one, under the pooled size.
        return BlockSpec(kind="classifier", **{**common, "in_size": 1})
    raise InputError(f"unknown operation {text['op']!r} in the key {key!r}")


def _mbconv(key: str, text: dict[str, Any], common: dict[str, Any], *, wide: bool) -> BlockSpec:
    if wide != (text["se"] is not None):
        raise InputError(f"the key {key!r} is of another style than the rest of its table")
    mid = round(float(text["expand"]) * (1 if wide else common["in_channels"]))
    act = {"1": "hswish", "0": "relu", None: "relu6"}[text["hs"]]
    spec = BlockSpec(
        kind="mbconv",
        mid_channels=mid,
        kernel=int(text["kernel"]),
        stride=int(text["stride"]),
        act=act,
        se=_squeezed(mid) if text["se"] == "1" else 0,
        residual=text["skip"] == "1",
        **common,
    )
    if text["out"] is not None and int(text["out"]) != spec.out_size:
        raise InputError(f"the key {key!r} has an output of {text['out']} px, not {spec.out_size}")
    return spec


def _squeezed(mid: int) -> int:
    """Width of squeeze-excite: a quarter, to a multiple of 8 and never below 90 % of it."""
    wanted = mid / _SE_SHARE
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


def _entries(text: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Two levels of mapping, which is all of YAML that these tables use."""
    key = ""
    values: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#") or line == "---":
            continue
        match = _ENTRY.fullmatch(line.rstrip())
        if match is None or bool(match["indent"]) != (match["value"] is not None):
            raise InputError(f"line {number} is not one of an OFA look-up table: {line[:80]!r}")
        if not match["indent"]:
            if key:
                yield key, values
            key, values = match["name"].strip("'\""), {}
            continue
        try:
            values[match["name"]] = float(match["value"])
        except ValueError as error:
            raise InputError(f"line {number} holds no number: {line[:80]!r}") from error
    if key:
        yield key, values
