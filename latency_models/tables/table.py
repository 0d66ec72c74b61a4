"""`LatencyTable`: latencies of blocks on one target, as a pandas table."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.blocks.spec import SPEC_FIELDS, BlockSpec
from bench.errors import FileError, InputError, MissingEntryError, TargetMismatchError
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.timing.energy import Energy
from bench.timing.measurement import Measurement
from latency_models.tables.block_rows import blocks_html, blocks_with_macs
from latency_models.tables.energy import energy_figures, energy_provenance
from latency_models.tables.storage import (
    load_frame,
    origin,
    require_columns,
    save_frame,
    target_and_provenance,
)

if TYPE_CHECKING:
    from bench.notebook.plot import Plot

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
    "energy_mj": "float",
    "energy_low_mj": "float",
    "energy_high_mj": "float",
    "energy_with_idle_mj": "float",
    "peak_memory_bytes": "float",
}
# Absent in files of older versions.
_OPTIONAL = (
    "p90_ms",
    "p99_ms",
    "energy_mj",
    "energy_low_mj",
    "energy_high_mj",
    "energy_with_idle_mj",
    "peak_memory_bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatencyTable:
    """Table with one row per block: the fields of `BlockSpec`, then figures in ms.

    `latency_ms` is the warm latency (last sample of a burst), `cold_ms` that of the first sample,
    `low_ms` and `high_ms` the 95 % interval from `loads` replicates, `p90_ms` and `p99_ms`
    drift-corrected percentiles of all samples (p99 from 500 samples on); NaN where a source has
    none. `energy_mj` is the energy of an inference without the idle device's power, with its 95 %
    interval, `energy_with_idle_mj` with it, `peak_memory_bytes` the most resident memory that the
    model took; NaN where not measured, or below the sensor's resolution. `provenance` holds JSON
    values: device facts, date, code version, source.
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
            duplicate = next(spec for row, spec in enumerate(specs) if index[spec] != row)
            raise InputError(f"a latency table has one row per block, got two of {duplicate.key}")
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
        cls,
        measurements: Sequence[Measurement],
        provenance: Mapping[str, Any] | None = None,
        energies: Mapping[Workload, Energy] | None = None,
    ) -> Self:
        """Return a table of the measured blocks, without networks and reference workloads.

        `energies` are those of the same sweep, where it measured any.

        Raises `TargetMismatchError` for different targets, `InputError` where there is no block.
        """
        blocks = [
            measurement for measurement in measurements if measurement.workload.role == "block"
        ]
        if not blocks:
            raise InputError("no block was measured: run `ofabench sweep` with --resume to its end")
        target = blocks[0].target
        for measurement in blocks:
            if measurement.target != target:
                raise TargetMismatchError(
                    f"blocks of two targets cannot share a table: {target.key} and "
                    f"{measurement.target.key}; build one table of each"
                )
        facts = {
            "facts": dict(blocks[0].facts),
            "measured": str(blocks[0].taken_at),
            # Relate later measurements to the drift of this one.
            "references": {
                measurement.workload.label: measurement.median_ms
                for measurement in measurements
                if measurement.workload.role == "reference"
            },
            **energy_provenance(energies or {}),
            **origin(),
        }
        return cls(
            target=target,
            provenance={**facts, **(provenance or {})},
            rows=frame_of(
                [measurement.workload.blocks[0] for measurement in blocks],
                latency_ms=[measurement.median_ms for measurement in blocks],
                cold_ms=[measurement.cold_ms for measurement in blocks],
                low_ms=[measurement.interval_ms[0] for measurement in blocks],
                high_ms=[measurement.interval_ms[1] for measurement in blocks],
                p90_ms=[measurement.corrected_p90_ms for measurement in blocks],
                p99_ms=[measurement.corrected_p99_ms for measurement in blocks],
                loads=[measurement.replicates for measurement in blocks],
                settled=[measurement.narrow_interval for measurement in blocks],
                **energy_figures([measurement.workload for measurement in blocks], energies or {}),
            ),
        )

    def __len__(self) -> int:
        return len(self.specs)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self._kinds().items())
        return f"LatencyTable of {self.target.key}: {len(self)} blocks ({kinds})"

    def _repr_html_(self) -> str:
        return blocks_html(self, self.rows)

    def plot(self) -> "Plot":
        """Return a chart of the blocks' latencies over their MACs, with 95 % intervals.

        Blocks without multiplications are left out.

        Raises:
            InputError: no block has multiplications.
            MissingRuntimeError: the extra `report` is not installed.
        """
        from bench.notebook.plot import Plot, check_charts

        check_charts()
        from bench.charts.latency import latency_against_macs

        rows = blocks_with_macs(self.rows, self.specs)
        if not (rows["macs"] > 0).any():
            raise InputError("no block of the table has multiplications to draw its latency over")
        figure = latency_against_macs(rows)
        return Plot(figure, f"Latency of blocks over MACs, {self.target.key}")

    @property
    def frame(self) -> pd.DataFrame:
        """The rows; the class describes their columns."""
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
        """Return the latency in ms; `MissingEntryError` says how to measure a missing block."""
        row = self._index.get(spec)
        reason = self.provenance.get("unrunnable", {}).get(f"block:{spec.key}")
        if row is None and reason is not None:
            raise MissingEntryError(
                f"block {spec.key} could not run on {self.target.key}: {reason}; search within a "
                "lower limit or at a smaller batch"
            )
        if row is None:
            raise MissingEntryError(
                f"the table of {self.target.key} has no block {spec.key}; the nearest is "
                f"{nearest(self.specs, spec)}; measure it with `{self.command_for(spec)}`"
            )
        return float(self.rows["latency_ms"].iloc[row])

    def command_for(self, spec: BlockSpec) -> str:
        """Return the command that measures a block; capitals stand for unknown values."""
        target = self.target
        space_name = self.provenance.get("space", "SPACE")
        space_name = f"{space_name}.toml" if "space_toml" in self.provenance else space_name
        space = self.provenance.get("space_file", space_name)
        device = self.provenance.get("device", "DEVICE")
        return (
            f"ofabench sweep --space {shlex.quote(space)} --device {device} "
            f"--backend {target.backend} --threads {target.threads} --batch {target.batch} "
            f"--resolutions {self._resolution_of(spec)} --out SWEEP.sqlite"
        )

    def save(self, path: str | Path) -> None:
        """Write parquet with target and provenance in its metadata."""
        metadata = {"target": self.target.to_json(), "provenance": dict(self.provenance)}
        save_frame(Path(path), self.rows, what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a table; `FileError` where it is damaged or of another kind."""
        path = Path(path)
        frame, metadata = load_frame(path, what=WHAT)
        frame = frame.assign(**{name: np.nan for name in _OPTIONAL if name not in frame})
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
        """Return the image size at which a network has `spec`, where it can be derived."""
        stems = [measured.in_size for measured in self.specs if measured.kind == "stem"]
        sizes = [
            measured.in_size
            for measured in self.specs
            if (measured.kind, measured.in_channels, measured.out_channels, measured.stride)
            == (spec.kind, spec.in_channels, spec.out_channels, spec.stride)
        ]
        if not stems or not sizes:
            return "RESOLUTION"
        halvings = round(np.log2(max(stems) / max(sizes)))
        return str(spec.in_size << max(halvings, 0))


def frame_of(specs: Sequence[BlockSpec], **figures: Sequence[Any] | NDArray[Any]) -> pd.DataFrame:
    """Return rows of a latency table from figures by name; defaults are NaN, 0 and settled."""
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
    """Return the key of the known block most similar to `spec`: by kind, then by size."""

    def distance(candidate: BlockSpec) -> float:
        total = 8.0 * (candidate.kind != spec.kind) + (candidate.act != spec.act)
        total += (candidate.se > 0) != (spec.se > 0)
        for name in ("in_size", "in_channels", "mid_channels", "out_channels", "kernel", "stride"):
            ratio = (1 + getattr(candidate, name)) / (1 + getattr(spec, name))
            total += abs(float(np.log(ratio)))
        return total

    return min(known, key=distance).key if known else "none: the table is empty"


def _spec(row: Any) -> BlockSpec:
    values: dict[str, Any] = row._asdict()
    numbers = {name: int(value) for name, value in values.items() if name not in ("kind", "act")}
    residual = bool(numbers.pop("residual"))
    return BlockSpec(kind=values["kind"], act=values["act"], residual=residual, **numbers)
