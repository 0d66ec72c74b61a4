"""Read and write OFA's look-up tables: `{count, mean, std or var}` by keys that name blocks.

`ofa_keys` reads the keys, `figures` the values. Files are YAML or JSON. Sources:
mit-han-lab/once-for-all, `latency_lookup_table`; UoS-EEC/DynamicOFA, `latency_table@jetson` (JSON).
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
    """Read one or several look-up tables as one latency table.

    A block with several keys gets their mean. `std` gives the interval (mean plus or minus 1.96
    standard errors over `count` runs). `FileError` names the file and the problem.
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
    means = np.array(
        [
            np.mean([item.mean_ms for item in figures_of_block])
            for figures_of_block in figures.values()
        ]
    )
    halves = np.array(
        [
            np.mean([item.half_ms for item in figures_of_block])
            for figures_of_block in figures.values()
        ]
    )
    columns = {"latency_ms": means, "low_ms": means - halves, "high_ms": means + halves}
    provenance = {"source": ", ".join(path.name for path in paths), "format": "OFA", **origin()}
    provenance["key_style"] = ", ".join(sorted(styles))
    if RATIO in styles:
        provenance["pooling"] = "timed with the classifier, as one"
    return LatencyTable(
        target=target, provenance=provenance, rows=frame_of(list(figures), **columns)
    )


def to_ofa(table: LatencyTable) -> str:
    """Return a table as OFA's YAML, in the key style that can name its blocks.

    Tables without squeeze-excite and with ReLU6 only use ProxylessNAS's style, all others
    MobileNetV3's. `std` and `count` reproduce the table's interval; without one, `std` is omitted.
    Raises `InputError` for a block that the style cannot name.
    """
    lines = []
    for key, figure in _figures_by_key(table).items():
        lines += [f"{key}:", f"  count: {figure.runs}", f"  mean: {_number(figure.mean_ms)}"]
        if math.isfinite(figure.half_ms):
            lines.append(f"  std: {_number(figure.half_ms / Z * figure.runs**0.5)}")
    return "\n".join(lines) + "\n"


def _figures_by_key(table: LatencyTable) -> dict[str, Figure]:
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
    by_key = {key_of(spec): figure for spec, figure in figures.items()}
    if len(by_key) != len(figures):
        raise InputError("two blocks of the table share a key in OFA's format")
    return by_key


def _ratio_keys(figures: Mapping[BlockSpec, Figure]) -> dict[str, Figure]:
    """Return figures by keys of the ratio style, whose `Logits` include pooling."""
    by_key = {}
    pools = {spec for spec in figures if spec.kind == "avg_pool"}
    for spec, figure in figures.items():
        if spec.kind == "classifier":
            poolings = [pool for pool in sorted(pools) if pool.out_channels == spec.in_channels]
            for pool in poolings:
                by_key[key_of(spec, RATIO, size=pool.in_size)] = _sequence(figures[pool], figure)
            if not poolings:
                for size in _pooled_sizes(figures, spec.in_channels):
                    by_key[key_of(spec, RATIO, size=size)] = figure
        elif spec.kind != "avg_pool":
            by_key[key_of(spec, RATIO)] = figure
    classified = {spec.in_channels for spec in figures if spec.kind == "classifier"}
    alone = [pool.key for pool in pools if pool.out_channels not in classified]
    if alone:
        raise InputError(
            f"OFA's {RATIO} keys name pooling only with its classifier, which the table lacks: "
            f"{min(alone)}"
        )
    return by_key


def _pooled_sizes(figures: Mapping[BlockSpec, Figure], channels: int) -> list[int]:
    """Return input sizes of the pooling that a classifier was timed with."""
    last = {spec for spec in figures if spec.kind == "final_expand"}
    return sorted({spec.out_size for spec in last if spec.out_channels == channels}) or [1]


def _sequence(first: Figure, second: Figure) -> Figure:
    """Return the figures of two blocks in sequence, with independent errors."""
    half = math.hypot(first.half_ms, second.half_ms)
    return Figure(first.mean_ms + second.mean_ms, half, min(first.runs, second.runs))


def _number(value: float) -> str:
    """Format a number so that YAML 1.1 reads it as a number: 1.0e-05, not 1e-05."""
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
