"""`NetworksTable`: architecture choices and latencies of networks, measured or imported.

The space defines the meaning of the choices; this module treats them as plain columns.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import FileError, InputError, TargetMismatchError
from bench.files import VALUE_DAMAGE, read_bytes
from bench.notebook.html_table import frame_html
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.timing.energy import Energy
from bench.timing.measurement import Measurement
from bench.timing.statistic import MEDIAN, P90
from latency_models.tables.columns import cell_text, numbers_of
from latency_models.tables.energy import energy_figures, energy_provenance
from latency_models.tables.storage import (
    decoded,
    load_any_frame,
    origin,
    save_frame,
    with_article,
)

WHAT = "networks table"
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworksTable:
    """Table with one row per network; tables of other programs have no `space` and no `targets`.

    A column `<name>_ms` holds latencies. Optional columns: `<name>_spread`, the half-width of the
    95 % interval over the latency; `<name>_p90` and `<name>_p99`, percentiles of single samples in
    ms, including disturbed ones, drift-corrected as the latency is; `<name>_energy_mj` and others
    of energy and memory, as in a `LatencyTable`.
    """

    frame: pd.DataFrame
    space: str | None
    targets: Mapping[str, Target]
    provenance: Mapping[str, Any]

    @classmethod
    def from_measurements(
        cls,
        choices: pd.DataFrame,
        measurements: Sequence[Measurement],
        space: str,
        references_ms: Mapping[str, float] | None = None,
        energies: Mapping[Workload, Energy] | None = None,
    ) -> Self:
        """Return a table of choices and measured latencies, row by row, of one target.

        `references_ms` are the reference workloads of the same sweep, which relate it to others;
        `energies` are those of the same sweep, where it measured any.
        """
        targets = {measurement.target for measurement in measurements}
        if len(targets) != 1:
            raise TargetMismatchError(
                f"networks of {len(targets)} targets cannot share a table, expected one"
            )
        (target,) = targets
        ms = np.array([measurement.median_ms for measurement in measurements])
        width = np.array(
            [
                measurement.interval_ms[1] - measurement.interval_ms[0]
                for measurement in measurements
            ]
        )
        figures = {
            target.column: ms,
            spread_column(target.column): width / 2 / ms,
            **_tail_columns(target.column, measurements),
            **_energy_columns(target.column, measurements, energies or {}),
        }
        return cls(
            frame=choices.reset_index(drop=True).assign(**figures),
            space=space,
            targets={target.column: target},
            provenance={
                "facts": dict(measurements[0].facts),
                "measured": str(measurements[0].taken_at),
                "references": dict(references_ms or {}),
                **energy_provenance(energies or {}),
                **origin(),
            },
        )

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, space: str | None = None) -> Self:
        """Return a table of an external frame; `FileError` for a duplicate column."""
        flat = _flat("the table", frame)
        return cls(frame=flat, space=space, targets={}, provenance={})

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        columns = ", ".join(self.latency_columns) or "no latencies"
        of = f" of {self.space}" if self.space else ""
        return f"NetworksTable: {len(self)} networks{of}; {columns}"

    def _repr_html_(self) -> str:
        return frame_html(self, self.frame)

    @property
    def latency_columns(self) -> list[str]:
        """Names of the columns that hold latencies."""
        return [str(name) for name in self.frame.columns if str(name).endswith("_ms")]

    def to_dict(self) -> dict[str, Any]:
        """Return a description of the table, without its rows, as JSON values."""
        return {
            "networks": len(self),
            "space": self.space,
            "columns": self.latency_columns,
            "targets": {column: target.to_json() for column, target in self.targets.items()},
            "provenance": dict(self.provenance),
        }

    def save(self, path: str | Path) -> None:
        """Write parquet with space, targets and provenance in its metadata."""
        targets = {column: target.to_json() for column, target in self.targets.items()}
        metadata = {"space": self.space, "targets": targets, "provenance": dict(self.provenance)}
        save_frame(Path(path), self.frame, what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a networks table, parquet or CSV; `FileError` where the file is neither."""
        path = Path(path)
        if path.suffix.lower() == ".csv":
            frame = _read_csv(path)
            metadata: dict[str, Any] = {}
        else:
            frame, metadata = load_any_frame(path)
        if metadata.get("what", WHAT) != WHAT:
            raise FileError(f"{path} is {with_article(str(metadata['what']))}, expected a {WHAT}")
        try:
            targets = {
                column: Target.from_json(target)
                for column, target in metadata.get("targets", {}).items()
            }
        except (*VALUE_DAMAGE, InputError) as error:
            raise FileError(f"{path} has damaged metadata ({error}); make it again") from error
        return cls(
            frame=_flat(path, frame),
            space=metadata.get("space"),
            targets=targets,
            provenance=metadata.get("provenance", {}),
        )

    def column_or_only(self, column: str | None) -> str:
        """Return the named latency column, or the only one; `InputError` lists all."""
        columns = self.latency_columns
        listed = ", ".join(columns) or "none"
        if column is None and len(columns) != 1:
            raise InputError(f"--column must be one of the table's latencies: {listed}")
        name = column or columns[0]
        if name not in columns:
            raise InputError(f"no latency column {name!r} in the networks table; it has: {listed}")
        return name

    def latencies_ms(self, column: str, statistic: str = MEDIAN) -> Floats:
        """Return latencies of a column in ms, (n,); `InputError` names a row that is not above 0.

        With the statistic `p90` it returns 90th percentiles; `InputError` where the table has none.
        """
        column = self._column_of(column, statistic)
        ms = numbers_of(self.frame[column])
        bad = np.flatnonzero(~(np.isfinite(ms) & (ms > 0)))
        if len(bad) or not len(ms):
            row = int(bad[0]) if len(bad) else 0
            content = f"{cell_text(self.frame, column, row)} in row {row}" if len(bad) else "empty"
            raise InputError(f"column {column!r} is {content}, expected ms above 0")
        return ms

    def _column_of(self, column: str, statistic: str) -> str:
        if statistic == MEDIAN:
            return column
        name = tail_column(column, statistic)
        if name not in self.frame.columns:
            raise InputError(
                f"the networks table has no {statistic} of {column!r} (a column {name!r}): build "
                "it from a sweep with `ofabench table build --networks-out`, or omit --statistic"
            )
        return name

    def energies_mj(self, column: str) -> Floats:
        """Return energies beside a latency column in mJ, (n,), NaN where one is not known.

        `InputError` where the table has none.
        """
        name = energy_column(column)
        if name not in self.frame.columns:
            raise InputError(
                f"the networks table has no energy of {column!r} (a column {name!r}): build it "
                "from a sweep with --energy"
            )
        mj = numbers_of(self.frame[name])
        return np.where(np.isfinite(mj) & (mj > 0), mj, np.nan)

    def spread(self, column: str) -> Floats | None:
        """Return relative half-widths of a column's intervals, (n,), or None."""
        name = spread_column(column)
        if name not in self.frame.columns:
            return None
        return numbers_of(self.frame[name])

    def target_of(self, column: str) -> Target | None:
        """Return the target that a column was measured on; None in tables of other programs."""
        return self.targets.get(column)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        text = decoded(read_bytes(path))
        frame = pd.read_csv(io.StringIO(text), low_memory=False, skipinitialspace=True)
    except (InputError, ValueError) as error:  # parsing errors of pandas are ValueErrors
        raise FileError(f"{path} is no CSV: {str(error).splitlines()[0]}") from error
    name = str(frame.columns[0])
    for separator in ";\t":
        if len(frame.columns) == 1 and separator in name:
            raise FileError(f"{path} separates columns by {separator!r}, expected commas")
    return frame


def _flat(path: Path | str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with rows numbered from 0 and any named index as ordinary columns."""
    frame = frame.rename(columns=str)
    index_names = [str(name) for name in frame.index.names if name is not None]
    if index_names and not set(index_names) & set(frame.columns):
        frame = frame.reset_index()
    duplicates = frame.columns[frame.columns.duplicated()]
    if len(duplicates):
        raise FileError(f"{path} has the column {duplicates[0]!r} twice; drop one")
    return frame.reset_index(drop=True)


def spread_column(column: str) -> str:
    """Return the name of the column with the relative half-widths of a latency column."""
    return column.removesuffix("_ms") + "_spread"


def tail_column(column: str, statistic: str) -> str:
    """Return the name of the column with a percentile of a latency column's samples."""
    return f"{column.removesuffix('_ms')}_{statistic}"


def energy_column(column: str, figure: str = "energy_mj") -> str:
    """Return the name of the column with the energy, or a figure beside it, of a latency column."""
    return f"{column.removesuffix('_ms')}_{figure}"


def _energy_columns(
    column: str, measurements: Sequence[Measurement], energies: Mapping[Workload, Energy]
) -> dict[str, Floats]:
    """Return the columns of energy and memory that have a figure."""
    figures = energy_figures([measurement.workload for measurement in measurements], energies)
    return {
        energy_column(column, name): values
        for name, values in figures.items()
        if np.isfinite(values).any()
    }


def _tail_columns(column: str, measurements: Sequence[Measurement]) -> dict[str, Floats]:
    """Return p90 of every network, and p99 if any network has enough samples (NaN for others)."""
    tails = {P90: np.array([measurement.corrected_p90_ms for measurement in measurements])}
    p99 = np.array([measurement.corrected_p99_ms for measurement in measurements])
    if not np.isnan(p99).all():
        tails["p99"] = p99
    return {tail_column(column, name): values for name, values in tails.items()}


def foreign_target(column: str) -> Target:
    """Return a target for a column of which only the name is known."""
    return Target(device=column.removesuffix("_ms"), backend="unknown", backend_version="unknown")
