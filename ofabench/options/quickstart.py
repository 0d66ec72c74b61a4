"""Options of the quickstart, and of its parts in separate processes."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.options import shared
from ofabench.options.accuracy import AccuracyOptions
from ofabench.options.export import ExportOptions
from ofabench.options.train import TrainOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickstartOptions(Options):
    """The folder of a run, what is drawn for it, and whether it waits or is forced."""

    out: Path = option(Path("runs/quickstart"), metavar="DIR", help="folder of the run")
    seed: int = shared.seed("decides what is drawn ({default})")
    force: bool = option(False, help="measure though the CPU is busy")
    wait: bool = option(
        False,
        help="where another ofabench measures on the device, wait for its end (default: say which)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPart(Options):
    """A training in words: of which space, on which images, into which file."""

    space: str = shared.space()
    data: str = option(help="images")
    training: TrainOptions = nested(TrainOptions)
    out: Path = shared.out("SUPERNET.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPart(Options):
    """An accuracy predictor in words: of which supernet, fitted how, into which file."""

    checkpoint: Path = shared.checkpoint()
    accuracy: AccuracyOptions = nested(AccuracyOptions)
    out: Path = shared.out("A.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPart(Options):
    """An export in words: of which sub-network, as what, into which file."""

    checkpoint: Path = shared.checkpoint()
    arch: str = option(metavar="R.json", help="a search's result, or a line of an archs file")
    form: ExportOptions = nested(ExportOptions)
    out: Path = shared.out("FILE")
