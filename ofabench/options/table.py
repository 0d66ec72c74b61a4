"""Options of `table`: build, show, import and export."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import Options, option
from ofabench.options import shared

IMPORTED = ("ofa", "tfnas", "fbnet")
EXPORTED = ("csv", "ofa")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBuildOptions(Options):
    """Options of `table build`."""

    sweep: Path = option(
        positional=True, metavar="SWEEP.sqlite", help="sweep, from `ofabench sweep`"
    )
    out: Path | None = option(None, metavar="T.parquet", help="file for the table of blocks")
    networks_out: Path | None = option(
        None,
        metavar="N.parquet",
        help="file for the table of networks; may be given without --out, e.g. for a sweep with "
        "--blocks 0",
    )
    space: str | None = option(
        None,
        metavar="FILE.toml",
        help="space of an older sweep that does not contain it",
    )

    def check(self) -> None:
        """Require at least one table, and two different files."""
        out, networks_out = self.out, self.networks_out
        if out is None and networks_out is None:
            raise InputError(
                "nothing to build: give --out T.parquet, --networks-out N.parquet or both"
            )
        if out is not None and networks_out is not None and networks_out.resolve() == out.resolve():
            raise InputError(f"--out and --networks-out are both {out}: name two files")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShowOptions(Options):
    """Options of `table show`."""

    table: Path = option(positional=True, metavar="T.parquet", help="latency table")
    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableImportOptions(Options):
    """Options of `table import`: files, format, and target."""

    files: tuple[Path, ...] = option(positional=True, metavar="FILE", help="file to import")
    format: str = option(choices=IMPORTED, help="format of the files")
    device: str = option(metavar="DEVICE", help="device of the measurements, e.g. note10")
    backend: str = option(metavar="BACKEND", help="runtime of the measurements, e.g. tflite")
    threads: int = option(
        1, minimum=1, metavar="THREADS", help="threads of the measurements ({default})"
    )
    batch: int = option(1, minimum=1, metavar="BATCH", help="images per inference ({default})")
    measured_only: bool = option(False, help="tfnas: skip interpolated widths")
    out: Path = shared.out("T.parquet")

    def check(self) -> None:
        """Allow options of a format for that format only."""
        if self.measured_only and self.format != "tfnas":
            raise InputError(
                f"--measured-only is for --format tfnas, got {self.format}: leave it out"
            )
        if self.format == "fbnet" and len(self.files) != 1:
            raise InputError(f"an FBNet look-up table is one file, got {len(self.files)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExportOptions(Options):
    """Options of `table export`."""

    table: Path = option(positional=True, metavar="T.parquet", help="latency table")
    format: str = option(choices=EXPORTED, help="format to write: csv, or OFA's look-up YAML")
    out: Path | None = option(
        None, metavar="FILE", help="file to write, instead of standard output"
    )
