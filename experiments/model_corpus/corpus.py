"""Reading the corpus: its manifests, and where measurements of it lie."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNTIMES = ("onnx", "tflite")
COLUMNS = ("name", "family", "role", "macs", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A model of the corpus."""

    name: str
    family: str
    role: str
    macs: float


def rows_of(folder: Path) -> dict[str, Row]:
    """Return the corpus's models by name, from all its manifests."""
    rows: dict[str, Row] = {}
    for path in sorted(folder.glob("manifest-*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                rows[row["name"]] = Row(
                    name=row["name"],
                    family=row["family"],
                    role=row["role"],
                    macs=float(row["macs"]),
                )
    return rows


def files_of(folder: Path, runtime: str) -> list[Path]:
    """Return the files of a runtime, of models that a manifest has."""
    paths = [folder / f"{name}.{runtime}" for name in sorted(rows_of(folder))]
    return [path for path in paths if path.exists()]


def kept(out: Path, runtime: str, session: str) -> Path:
    """Return where a session's samples are kept: `fit` has operators too, `judge` has not."""
    return out / f"{runtime}-{session}.sqlite"


def write_manifest(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows of a part of the corpus; `COLUMNS` are their keys."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
