"""Options of `table`: tables made of sweeps, shown, imported and exported."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import Options, option
from ofabench.options import shared

IMPORTED = ("ofa", "tfnas", "fbnet")
EXPORTED = ("csv", "ofa")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBuildOptions(Options):
    """Which tables are made of a sweep, and where they are written."""

    sweep: Path = option(positional=True, metavar="SWEEP.sqlite", help="")
    out: Path | None = option(None, metavar="T.parquet", help="table of the blocks")
    networks_out: Path | None = option(
        None,
        metavar="N.parquet",
        help="table of the networks; enough by itself, as for a sweep with --blocks 0",
    )
    space: str | None = option(
        None,
        metavar="FILE.toml",
        help="of a space that is not a shipped one, where an older ofabench swept it: others hold "
        "it themselves",
    )

    def check(self) -> None:
        """See that there is something to build, and that two tables are not one file."""
        out, networks_out = self.out, self.networks_out
        if out is None and networks_out is None:
            raise InputError(
                "nothing to build: give --out T.parquet, --networks-out N.parquet or both"
            )
        if out is not None and networks_out is not None and networks_out.resolve() == out.resolve():
            raise InputError(f"--out and --networks-out are both {out}: name two files")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShowOptions(Options):
    """Which table is shown, and how."""

    table: Path = option(positional=True, metavar="T.parquet", help="")
    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableImportOptions(Options):
    """Which files of another format become a table, and what they were measured on."""

    files: tuple[Path, ...] = option(positional=True, metavar="FILE", help="")
    format: str = option(choices=IMPORTED, help="theirs")
    device: str = option(metavar="DEVICE", help="what it was measured on, like note10")
    backend: str = option(metavar="BACKEND", help="what it ran on, like tflite")
    threads: int = option(1, minimum=1, metavar="THREADS", help="threads that it ran on")
    batch: int = option(1, minimum=1, metavar="BATCH", help="images at once")
    measured_only: bool = option(False, help="tfnas: leave interpolated widths out")
    out: Path = shared.out("T.parquet")

    def check(self) -> None:
        """See that what only one format has is given for it alone."""
        if self.measured_only and self.format != "tfnas":
            raise InputError(
                f"--measured-only is for --format tfnas, got {self.format}: leave it out"
            )
        if self.format == "fbnet" and len(self.files) != 1:
            raise InputError(f"an FBNet look-up table is one file, got {len(self.files)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExportOptions(Options):
    """Which table is written in which format."""

    table: Path = option(positional=True, metavar="T.parquet", help="")
    format: str = option(choices=EXPORTED, help="csv, or OFA's look-up YAML")
    out: Path | None = option(None, metavar="FILE", help="instead of standard output")
