"""Read TF-NAS's look-up table: CSV of inverted residual blocks at every width, most interpolated.

Columns: block, res (input size in px), cin, se_mid (0 for none), cout, k, s, act, mid (hidden
channels), ms. A line `base` gives the rest of a network (stem, first block, head) in `ms` only.
Source: AberHu/TF-NAS, `latency_pkl` and `models/layers.py`.
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from bench.files import read_bytes
from bench.protocol.target import Target
from latency_models.tables.storage import decoded, origin
from latency_models.tables.table import LatencyTable, frame_of

COLUMNS = ("block", "res", "cin", "se_mid", "cout", "k", "s", "act", "mid", "ms")
# TF-NAS's swish is x * sigmoid(x), and its squeeze-excite uses swish and a sigmoid. `BlockSpec`
# supports neither, so the target states them, and this table is never merged with others.
OPTIONS = (("hswish", "swish"), ("squeeze_excite", "sigmoid"))
_ACTS = {"relu": "relu", "swish": "hswish"}
_LINEAR_MS = 1e-9  # a latency as close to the line between its neighbours was interpolated


@dataclass(slots=True)
class _Rows:
    """Contents of a file, with counts of the rows that are no latency of a block."""

    times_ms: dict[BlockSpec, float] = field(default_factory=dict)
    base_ms: float | None = None
    not_above_0: int = 0
    narrower: int = 0


def from_tfnas(
    paths: Sequence[Path], target: Target, *, measured_only: bool = False
) -> LatencyTable:
    """Read such files as one table; `FileError` names the file, the line and the problem.

    Rows that are not above 0, and rows with fewer hidden than input channels, are skipped and
    counted in the provenance: TF-NAS builds no such block, and the file has extrapolated values
    there, down to -0.5 ms. `measured_only` also skips widths that were interpolated.
    """
    rows = _Rows()
    for path in paths:
        try:
            _read(decoded(read_bytes(path)), rows)
        except (InputError, csv.Error) as error:
            raise FileError(f"{path} is no TF-NAS look-up table: {error}") from error
    if not rows.times_ms:
        names = ", ".join(str(path) for path in paths)
        raise FileError(f"{names} has no block with a latency above 0; expected such rows")
    interpolated = _interpolated(rows.times_ms)
    times_ms = {
        spec: ms
        for spec, ms in rows.times_ms.items()
        if not (measured_only and spec in interpolated)
    }
    provenance: dict[str, object] = {
        "source": ", ".join(path.name for path in paths),
        "format": "TF-NAS",
        "base_ms": rows.base_ms,
        "left_out_not_above_0": rows.not_above_0,
        "left_out_narrower_than_input": rows.narrower,
        "interpolated": 0 if measured_only else len(interpolated),
        "left_out_interpolated": len(interpolated) if measured_only else 0,
        **origin(),
    }
    return LatencyTable(
        target=replace(target, options=(*target.options, *OPTIONS)),
        provenance=provenance,
        rows=frame_of(list(times_ms), latency_ms=list(times_ms.values())),
    )


def _read(text: str, rows: _Rows) -> None:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InputError(f"its columns are {reader.fieldnames}, expected {','.join(COLUMNS)}"[:200])
    for row in reader:
        try:
            _add(row, rows)
        except InputError as error:
            raise InputError(f"line {reader.line_num}: {error}") from error


def _add(row: dict[str, str], rows: _Rows) -> None:
    ms = _number(row, "ms")
    if row["block"] == "base":
        if rows.base_ms is not None:
            raise InputError("there is a second base, expected a single line")
        if not ms > 0:
            raise InputError(f"base is {ms}, expected ms above 0")
        rows.base_ms = ms
        return
    spec = _spec(row)
    if spec in rows.times_ms:
        raise InputError(f"two rows have the block {spec.key}")
    if not ms > 0:
        rows.not_above_0 += 1
    elif spec.mid_channels < spec.in_channels:
        rows.narrower += 1
    else:
        rows.times_ms[spec] = ms


def _spec(row: dict[str, str]) -> BlockSpec:
    if row["block"] != "MBInvertedResBlock" or row["act"] not in _ACTS:
        block = f"{row['block']!r:.40} with act {row['act']!r:.40}"
        raise InputError(f"got {block}, expected MBInvertedResBlock with {' or '.join(_ACTS)}")
    size, cin, cout, stride = (_whole(row, name) for name in ("res", "cin", "cout", "s"))
    return BlockSpec(
        kind="mbconv",
        in_size=size,
        in_channels=cin,
        mid_channels=_whole(row, "mid"),
        out_channels=cout,
        kernel=_whole(row, "k"),
        stride=stride,
        act=_ACTS[row["act"]],
        se=_whole(row, "se_mid"),
        residual=stride == 1 and cin == cout,
    )


def _whole(row: dict[str, str], name: str) -> int:
    value = _number(row, name)
    if value != round(value) or not 0 <= value <= 2**31:
        raise InputError(f"{name} is {row[name]!r:.40}, expected a whole number")
    return int(value)


def _number(row: dict[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} is {row[name]!r:.40}, expected a number")
    return value


def _interpolated(times_ms: dict[BlockSpec, float]) -> set[BlockSpec]:
    """Return the blocks whose latency lies on the line between those one channel apart."""
    groups: dict[BlockSpec, dict[int, tuple[BlockSpec, float]]] = defaultdict(dict)
    for spec, ms in times_ms.items():
        groups[replace(spec, mid_channels=1)][spec.mid_channels] = (spec, ms)
    interpolated = set()
    for by_width in groups.values():
        for width, (spec, ms) in by_width.items():
            if width - 1 in by_width and width + 1 in by_width:
                between = (by_width[width - 1][1] + by_width[width + 1][1]) / 2
                if abs(ms - between) < _LINEAR_MS:
                    interpolated.add(spec)
    return interpolated
