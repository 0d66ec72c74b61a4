"""`TargetsTable`: blocks on several targets side by side, one row a block, columns per target."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from bench.blocks.spec import SPEC_FIELDS
from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE, write_text
from bench.notebook.html_table import frame_html
from bench.protocol.target import Target
from latency_models.tables.storage import load_frame, save_frame
from latency_models.tables.table import COLUMNS, LatencyTable

WHAT = "latency table of several targets"
FIGURES = {name: kind for name, kind in COLUMNS.items() if name not in SPEC_FIELDS}
_TYPES = {"float": "float64", "int": "int64", "bool": "bool"}
# With a missing value, for a block that a target lacks.
_NULLABLE_TYPES = {"float": "float64", "int": "Int64", "bool": "boolean"}
_PLAIN = {name: _TYPES[kind] for name, kind in FIGURES.items()}
_NULLABLE = {name: _NULLABLE_TYPES[kind] for name, kind in FIGURES.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetsTable:
    """Table with one row per block of any target: the fields of `BlockSpec`, then figures.

    A target with the label `onnx` has the columns `onnx_ms`, `onnx_cold_ms`, `onnx_low_ms` and so
    on: the figures of a `LatencyTable`, missing (NaN) where the target has no such block. `targets`
    and `provenance` are by label, in the order of the columns.

    Example:
        >>> from bench.blocks.spec import BlockSpec
        >>> from latency_models.tables.table import frame_of
        >>> small = BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8)
        >>> target = Target(device="d", backend="onnx", backend_version="1")
        >>> rows = frame_of([small], latency_ms=[0.5])
        >>> table = LatencyTable(target=target, provenance={}, rows=rows)
        >>> both = TargetsTable.of({"onnx": table, "torch": table})
        >>> both.frame[["kind", "onnx_ms", "torch_ms"]].to_dict("records")
        [{'kind': 'stem', 'onnx_ms': 0.5, 'torch_ms': 0.5}]
    """

    frame: pd.DataFrame
    targets: Mapping[str, Target]
    provenance: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, tables: Mapping[str, LatencyTable]) -> Self:
        """Return latency tables by label as one; blocks in the order of the first, then of others.

        `InputError` for a label that is no start of a column: lowercase letters, digits and _.
        """
        for label in tables:
            if re.fullmatch(r"[a-z0-9_]+", label) is None:
                raise InputError(f"the label of a target is {label!r}, expected [a-z0-9_]+")
        specs = dict.fromkeys(spec for table in tables.values() for spec in table.specs)
        fields = {name: [getattr(spec, name) for spec in specs] for name in SPEC_FIELDS}
        parts = [pd.DataFrame(fields)]
        for label, table in tables.items():
            rows = table.rows.set_axis(table.specs, axis="index").reindex([*specs])
            parts.append(_figures(rows, label))
        return cls(
            frame=pd.concat(parts, axis=1),
            targets={label: table.target for label, table in tables.items()},
            provenance={label: dict(table.provenance) for label, table in tables.items()},
        )

    def tables(self) -> dict[str, LatencyTable]:
        """Return the latency table of each target, by label."""
        return {label: self._table(label) for label in self.targets}

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        targets = ", ".join(f"{label} ({target.key})" for label, target in self.targets.items())
        return f"TargetsTable: {len(self)} blocks; {targets}"

    def _repr_html_(self) -> str:
        return frame_html(self, self.frame)

    def to_dict(self) -> dict[str, Any]:
        """Return what the table is, without its rows, as JSON values."""
        return {
            "blocks": len(self),
            "targets": {label: target.to_json() for label, target in self.targets.items()},
            "provenance": {label: dict(facts) for label, facts in self.provenance.items()},
        }

    def save(self, path: str | Path) -> None:
        """Write parquet with targets and provenance in its metadata, or CSV, by the suffix."""
        path = Path(path)
        if path.suffix.lower() == ".csv":
            write_text(path, self.frame.to_csv(index=False))
            return
        about = self.to_dict()
        metadata = {name: about[name] for name in ("targets", "provenance")}
        save_frame(path, self.frame, what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a parquet file; `FileError` where it is damaged or of another kind."""
        path = Path(path)
        frame, metadata = load_frame(path, what=WHAT)
        try:
            targets = {label: Target.from_json(each) for label, each in metadata["targets"].items()}
            provenance = {label: dict(metadata["provenance"][label]) for label in targets}
            table = cls(frame=frame, targets=targets, provenance=provenance)
            table.tables()
        except (*VALUE_DAMAGE, InputError) as error:
            raise FileError(f"{path} is damaged ({error}); make it again") from error
        return table

    def _table(self, label: str) -> LatencyTable:
        known = self.frame[self.frame[figure_column(label, "latency_ms")].notna()]
        names = {figure_column(label, name): name for name in FIGURES}
        figures = known[[*names]].rename(columns=names).astype(_PLAIN)
        rows = pd.concat([known[list(SPEC_FIELDS)], figures], axis=1).reset_index(drop=True)
        return LatencyTable(
            target=self.targets[label], provenance=self.provenance[label], rows=rows
        )


def figure_column(label: str, figure: str) -> str:
    """Return the column of a target's figure: `onnx_ms` of `latency_ms`, else `onnx_cold_ms`."""
    return f"{label}_{figure.removeprefix('latency_')}"


def target_labels(tables: Iterable[LatencyTable], names: Iterable[str]) -> list[str]:
    """Return a short label for each table: what tells all targets apart, as starts of columns.

    It is the backend or the device where these differ for all, else the whole target, else `names`
    (those of files), numbered where even these are equal.
    """
    targets, words = [table.target for table in tables], [*names]
    choices = (
        [target.backend for target in targets],
        [target.device for target in targets],
        [target.column.removesuffix("_ms") for target in targets],
        words,
        [f"{word}_{place}" for place, word in enumerate(words, start=1)],
    )
    labels = ([_label(text) for text in choice] for choice in choices)
    return next(each for each in labels if len({*each}) == len(each))


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "table"


def _figures(rows: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return the figures of a latency table's rows under the columns of a target."""
    names = {name: figure_column(label, name) for name in FIGURES}
    figures = rows[[*FIGURES]].astype(_NULLABLE).rename(columns=names)
    return figures.reset_index(drop=True)
