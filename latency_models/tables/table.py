"""`LatencyTable`: latencies of all blocks on one target, as a pandas table."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.blocks.spec import SPEC_FIELDS, BlockSpec
from bench.errors import FileError, InputError, MissingEntryError, TargetMismatchError
from bench.protocol.target import Target
from bench.timing.measurement import Measurement
from latency_models.tables.storage import (
    html_of,
    load_frame,
    origin,
    require_columns,
    save_frame,
    target_and_provenance,
)

WHAT = "latency table"
COLUMNS = {
    "kind": "text",
    "in_size": "int",
    "in_channels": "int",
    "out_channels": "int",
    "mid_channels": "int",
    "kernel": "int",
    "stride": "int",
    "act": "text",
    "se": "int",
    "residual": "bool",
    "latency_ms": "float",
    "cold_ms": "float",
    "low_ms": "float",
    "high_ms": "float",
    "p90_ms": "float",
    "p99_ms": "float",
    "loads": "int",
    "settled": "bool",
}
_LATER = ("p90_ms", "p99_ms")  # files of an older ofabench have no such columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatencyTable:
    """Blocks by rows: the fields of `BlockSpec`, then figures in ms.

    `latency_ms` is the block's time (last call of a visit), `cold_ms` that of the first call,
    `low_ms` and `high_ms` the 95 % interval from `loads` loads, `p90_ms` and `p99_ms` percentiles
    of all samples, drift-corrected (p99 from 500 samples on); NaN where a source has none.
    `provenance` holds JSON values: device facts, date, code version, source.
    """

    target: Target
    provenance: Mapping[str, Any]
    rows: pd.DataFrame
    specs: tuple[BlockSpec, ...] = field(init=False, repr=False)
    _index: dict[BlockSpec, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        specs = tuple(_spec(row) for row in self.rows[list(SPEC_FIELDS)].itertuples(index=False))
        index = {spec: row for row, spec in enumerate(specs)}
        if len(index) != len(specs):
            twice = next(spec for row, spec in enumerate(specs) if index[spec] != row)
            raise InputError(f"a latency table has one row a block, got two of {twice.key}")
        times = self.rows["latency_ms"].to_numpy(dtype=np.float64)
        if not np.all(np.isfinite(times) & (times > 0)):
            bad = int(np.flatnonzero(~(np.isfinite(times) & (times > 0)))[0])
            raise InputError(
                f"latency_ms of {specs[bad].key} is {times[bad]}, expected a number above 0"
            )
        object.__setattr__(self, "specs", specs)
        object.__setattr__(self, "_index", index)

    @classmethod
    def from_measurements(
        cls, measurements: Sequence[Measurement], provenance: Mapping[str, Any] | None = None
    ) -> Self:
        """Make a table of the measured blocks; networks and references among them are left out.

        Raises `TargetMismatchError` for unlike targets, `InputError` where there is no block.
        """
        blocks = [one for one in measurements if one.workload.role == "block"]
        if not blocks:
            raise InputError("no block was measured: run `ofabench sweep` with --resume to its end")
        target = blocks[0].target
        for one in blocks:
            if one.target != target:
                raise TargetMismatchError(
                    f"blocks of two targets cannot share a table: {target.key} and "
                    f"{one.target.key}; build one table of each"
                )
        told = {
            "facts": dict(blocks[0].facts),
            "measured": str(blocks[0].taken_at),
            # What a later measurement is brought to the scale of this one with.
            "references": {
                one.workload.label: one.median_ms
                for one in measurements
                if one.workload.role == "reference"
            },
            **origin(),
        }
        return cls(
            target=target,
            provenance={**told, **(provenance or {})},
            rows=frame_of(
                [one.workload.blocks[0] for one in blocks],
                latency_ms=[one.median_ms for one in blocks],
                cold_ms=[one.cold_ms for one in blocks],
                low_ms=[one.interval_ms[0] for one in blocks],
                high_ms=[one.interval_ms[1] for one in blocks],
                p90_ms=[one.corrected_p90_ms for one in blocks],
                p99_ms=[one.corrected_p99_ms for one in blocks],
                loads=[one.replicates for one in blocks],
                settled=[one.settled for one in blocks],
            ),
        )

    def __len__(self) -> int:
        return len(self.specs)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self._kinds().items())
        return f"LatencyTable of {self.target.key}: {len(self)} blocks ({kinds})"

    def _repr_html_(self) -> str:
        return html_of(self, self.frame)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows: see the class for their columns."""
        return self.rows

    def to_dict(self) -> dict[str, Any]:
        """Return what the table is, without its rows, as JSON values."""
        return {
            "target": self.target.to_json(),
            "provenance": dict(self.provenance),
            "blocks": len(self),
            "unsettled": int((~self.rows["settled"]).sum()),
            "kinds": self._kinds(),
            "sizes": sorted({spec.in_size for spec in self.specs}),
        }

    def __contains__(self, spec: object) -> bool:
        return spec in self._index

    def lookup(self, spec: BlockSpec) -> float:
        """Latency in ms; `MissingEntryError` names the nearest block and how to measure `spec`."""
        row = self._index.get(spec)
        why = self.provenance.get("unrunnable", {}).get(f"block:{spec.key}")
        if row is None and why is not None:
            raise MissingEntryError(
                f"block {spec.key} could not run on {self.target.key}: {why}; search within a "
                "lower limit or at a smaller batch"
            )
        if row is None:
            raise MissingEntryError(
                f"the table of {self.target.key} has no block {spec.key}; the nearest is "
                f"{nearest(self.specs, spec)}; measure it with `{self.command_for(spec)}`"
            )
        return float(self.rows["latency_ms"].iloc[row])

    def command_for(self, spec: BlockSpec) -> str:
        """Return the command that would measure a block; capitals stand for what is unknown."""
        target = self.target
        known = self.provenance.get("space", "SPACE")
        known = f"{known}.toml" if "space_toml" in self.provenance else known
        space = self.provenance.get("space_file", known)
        device = self.provenance.get("device", "DEVICE")
        return (
            f"ofabench sweep --space {shlex.quote(space)} --device {device} "
            f"--backend {target.backend} --threads {target.threads} --batch {target.batch} "
            f"--resolutions {self._resolution_of(spec)} --out SWEEP.sqlite"
        )

    def save(self, path: str | Path) -> None:
        """Write parquet, target and provenance in its metadata."""
        metadata = {"target": self.target.to_json(), "provenance": dict(self.provenance)}
        save_frame(Path(path), self.rows, what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a table; `FileError` where it is damaged or something else."""
        path = Path(path)
        frame, metadata = load_frame(path, what=WHAT)
        frame = frame.assign(**{name: np.nan for name in _LATER if name not in frame})
        require_columns(path, frame, COLUMNS)
        try:
            target, provenance = target_and_provenance(metadata)
            return cls(target=target, provenance=provenance, rows=frame[list(COLUMNS)])
        except InputError as error:
            raise FileError(f"{path}: {error}; make it again") from error

    def _kinds(self) -> dict[str, int]:
        counts = self.rows["kind"].value_counts().sort_index()
        return {str(kind): int(count) for kind, count in counts.items()}

    def _resolution_of(self, spec: BlockSpec) -> str:
        """Image size at which a network of the swept space has `spec`, where that can be told."""
        stems = [known.in_size for known in self.specs if known.kind == "stem"]
        alike = [
            known.in_size
            for known in self.specs
            if (known.kind, known.in_channels, known.out_channels, known.stride)
            == (spec.kind, spec.in_channels, spec.out_channels, spec.stride)
        ]
        if not stems or not alike:
            return "RESOLUTION"
        halvings = round(np.log2(max(stems) / max(alike)))
        return str(spec.in_size << max(halvings, 0))


def frame_of(specs: Sequence[BlockSpec], **figures: Sequence[Any] | NDArray[Any]) -> pd.DataFrame:
    """Rows of a latency table from its figures by name; what is not given is NaN, 0, settled."""
    columns: dict[str, Any] = {}
    blank = {"float": np.nan, "int": 0, "bool": True}
    types = {"float": np.float64, "int": np.int64, "bool": np.bool_}
    for name, kind in COLUMNS.items():
        if name in SPEC_FIELDS:
            columns[name] = [getattr(spec, name) for spec in specs]
        else:
            values = figures.get(name, [blank[kind]] * len(specs))
            columns[name] = np.asarray(values, dtype=types[kind])
    return pd.DataFrame(columns)


def nearest(known: Sequence[BlockSpec], spec: BlockSpec) -> str:
    """Key of the known block most like `spec`: same kind first, then sizes by their ratios."""

    def distance(other: BlockSpec) -> float:
        unlike = 8.0 * (other.kind != spec.kind) + (other.act != spec.act)
        unlike += (other.se > 0) != (spec.se > 0)
        for name in ("in_size", "in_channels", "mid_channels", "out_channels", "kernel", "stride"):
            pair = (1 + getattr(other, name)) / (1 + getattr(spec, name))
            unlike += abs(float(np.log(pair)))
        return unlike

    return min(known, key=distance).key if known else "none: the table is empty"


def _spec(row: Any) -> BlockSpec:
    values: dict[str, Any] = row._asdict()
    numbers = {name: int(value) for name, value in values.items() if name not in ("kind", "act")}
    residual = bool(numbers.pop("residual"))
    return BlockSpec(kind=values["kind"], act=values["act"], residual=residual, **numbers)
