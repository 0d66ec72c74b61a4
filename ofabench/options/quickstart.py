"""Options of the quickstart, and of its worker tasks."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.options import shared
from ofabench.options.accuracy import AccuracyOptions
from ofabench.options.export import ExportOptions
from ofabench.options.train import TrainOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickstartOptions(Options):
    """Folder and seed of a run, and what to do if the CPU is in use."""

    out: Path = option(Path("runs/quickstart"), metavar="DIR", help="folder of the run")
    seed: int = shared.seed("seed of everything random ({default})")
    force: bool = option(False, help="measure although the CPU is busy")
    wait: bool = option(
        False,
        help="if another ofabench measures on the device, wait for its end (default: stop with an "
        "error)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPart(Options):
    """Request of a training: space, images, and file."""

    space: str = shared.space()
    data: str = option(help="images")
    training: TrainOptions = nested(TrainOptions)
    out: Path = shared.out("SUPERNET.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPart(Options):
    """Request of an accuracy predictor: supernet, options, and file."""

    checkpoint: Path = shared.checkpoint()
    accuracy: AccuracyOptions = nested(AccuracyOptions)
    out: Path = shared.out("A.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPart(Options):
    """Request of an export: sub-network, format, and file."""

    checkpoint: Path = shared.checkpoint()
    arch: str = option(metavar="R.json", help="a search's result, or a line of an archs file")
    form: ExportOptions = nested(ExportOptions)
    out: Path = shared.out("FILE")
