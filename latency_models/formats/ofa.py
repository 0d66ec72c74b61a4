"""OFA's look-up tables: YAML or JSON of `{count, mean, std or var}` under keys that name blocks.

Keys are in `ofa_keys` beside this, figures in `figures`. Sources: mit-han-lab/once-for-all,
`latency_lookup_table`; UoS-EEC/DynamicOFA, `latency_table@jetson` (JSON).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from bench.files import read_bytes
from bench.protocol.target import Target
from latency_models.formats.figures import Figure, Z, read_figures
from latency_models.formats.ofa_keys import RATIO, WIDE, key_of, parse_key
from latency_models.tables.storage import origin
from latency_models.tables.table import LatencyTable, frame_of


def from_ofa(paths: Sequence[Path], target: Target) -> LatencyTable:
    """Read look-up tables, of one resolution each or not, as one.

    Blocks that several keys have get the mean. `std` gives the interval (mean plus or minus 1.96
    standard errors over `count` runs). `FileError` names the file and what is wrong in it.
    """
    figures: dict[BlockSpec, list[Figure]] = {}
    styles = set()
    for path in paths:
        try:
            entries = read_figures(read_bytes(path))
            wide = any("-se:" in key for key in entries)
            styles.add(WIDE if wide else RATIO)
            for key, figure in entries.items():
                figures.setdefault(parse_key(key, wide=wide), []).append(figure)
        except InputError as error:
            raise FileError(f"{path} is no OFA look-up table: {error}") from error
    means = np.array([np.mean([one.mean_ms for one in several]) for several in figures.values()])
    halves = np.array([np.mean([one.half_ms for one in several]) for several in figures.values()])
    figured = {"latency_ms": means, "low_ms": means - halves, "high_ms": means + halves}
    told = {"source": ", ".join(path.name for path in paths), "format": "OFA", **origin()}
    told["key_style"] = ", ".join(sorted(styles))
    if RATIO in styles:
        told["pooling"] = "timed with the classifier, as one"
    return LatencyTable(target=target, provenance=told, rows=frame_of(list(figures), **figured))


def to_ofa(table: LatencyTable) -> str:
    """Write a table as such YAML, in the style that names its blocks.

    Without squeeze-excite and of ReLU6 throughout it is ProxylessNAS's, else MobileNetV3's.
    `std` over `count` gives the interval that the table has, its half-width about the mean; without
    one there is no `std`. `InputError` for a block that the style cannot name.
    """
    lines = []
    for key, figure in _keyed(table).items():
        lines += [f"{key}:", f"  count: {figure.runs}", f"  mean: {_number(figure.mean_ms)}"]
        if math.isfinite(figure.half_ms):
            lines.append(f"  std: {_number(figure.half_ms / Z * figure.runs**0.5)}")
    return "\n".join(lines) + "\n"


def _keyed(table: LatencyTable) -> dict[str, Figure]:
    acts = {spec.act for spec in table.specs if spec.act != "none"}
    style = RATIO if acts == {"relu6"} and not any(spec.se for spec in table.specs) else WIDE
    rows = table.rows
    halves = (rows["high_ms"] - rows["low_ms"]) / 2
    columns = rows["latency_ms"], halves, rows["loads"]
    figures = {
        spec: Figure(float(mean), float(half), max(int(loads), 1))
        for spec, mean, half, loads in zip(table.specs, *columns, strict=True)
    }
    if style == RATIO:
        return _ratio_keys(figures)
    keyed = {key_of(spec): figure for spec, figure in figures.items()}
    if len(keyed) != len(figures):
        raise InputError("two blocks of the table share a key in OFA's format")
    return keyed


def _ratio_keys(figures: Mapping[BlockSpec, Figure]) -> dict[str, Figure]:
    """Keys of the ratio style, whose `Logits` are a classifier and the pooling before it."""
    keyed = {}
    pools = {spec for spec in figures if spec.kind == "avg_pool"}
    for spec, figure in figures.items():
        if spec.kind == "classifier":
            before = [pool for pool in sorted(pools) if pool.out_channels == spec.in_channels]
            for pool in before:
                keyed[key_of(spec, RATIO, size=pool.in_size)] = _both(figures[pool], figure)
            if not before:
                for size in _pooled_sizes(figures, spec.in_channels):
                    keyed[key_of(spec, RATIO, size=size)] = figure
        elif spec.kind != "avg_pool":
            keyed[key_of(spec, RATIO)] = figure
    classified = {spec.in_channels for spec in figures if spec.kind == "classifier"}
    alone = [pool.key for pool in pools if pool.out_channels not in classified]
    if alone:
        raise InputError(
            f"OFA's {RATIO} keys name pooling only with its classifier, which the table lacks: "
            f"{min(alone)}"
        )
    return keyed


def _pooled_sizes(figures: Mapping[BlockSpec, Figure], channels: int) -> list[int]:
    """Sides of what is pooled before a classifier that was timed with its pooling."""
    last = {spec for spec in figures if spec.kind == "final_expand"}
    return sorted({spec.out_size for spec in last if spec.out_channels == channels}) or [1]


def _both(one: Figure, other: Figure) -> Figure:
    """Two blocks run one after the other; what moves them is taken to be independent."""
    half = math.hypot(one.half_ms, other.half_ms)
    return Figure(one.mean_ms + other.mean_ms, half, min(one.runs, other.runs))


def _number(value: float) -> str:
    """Write a number so that YAML 1.1 reads it as one: not without a point, as in 1e-05."""
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
