"""`ofabench accuracy`: fit a predictor of sub-networks' accuracies on measured ones."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.accuracy import AccuracyOptions

if TYPE_CHECKING:
    from ofabench.workflows.train.accuracy_fit import FittedAccuracies


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyCommand(Options):
    """Options of `ofabench accuracy`: source, model, and the predictor's file."""

    table: Path | None = option(
        None,
        exactly_one="source",
        metavar="NETWORKS.parquet",
        help="accuracies, from `ofabench evaluate-subnets`",
    )
    checkpoint: Path | None = option(
        None,
        exactly_one="source",
        metavar="SUPERNET.safetensors",
        help="supernet, from `ofabench train`",
    )
    space: str | None = option(
        None, metavar="NAME|FILE.toml", help="space of the table, if it is not a shipped one"
    )
    accuracy: AccuracyOptions = nested(AccuracyOptions)
    progress: str = shared.progress()
    json: bool = shared.json()
    out: Path = shared.out("A.parquet")


def run(options: AccuracyCommand) -> int:
    """Measure or read accuracies, evaluate on held-out networks, fit on all, write and print."""
    fitted = _fitted(options)
    print(json.dumps(fitted.to_dict()) if options.json else fitted)
    print(f"written to {options.out}", file=sys.stderr)
    return 0


def _fitted(options: AccuracyCommand) -> "FittedAccuracies":
    from ofabench.display.progress import get_progress
    from ofabench.workflows.train.accuracies import check_folder
    from ofabench.workflows.train.accuracy_fit import fit_accuracy
    from ofabench.workflows.train.supernet import load_supernet

    check_folder(options.out)
    if options.table is not None:
        return fit_accuracy(
            options.table, space=options.space, options=options.accuracy, out=options.out
        )
    assert options.checkpoint is not None
    return load_supernet(options.checkpoint).accuracy_predictor(
        out=options.out, options=options.accuracy, progress=get_progress(options.progress)
    )


COMMAND = Command(
    name="accuracy",
    help="fit a predictor of sub-networks' accuracy",
    description="Fits on a table of `evaluate-subnets`, or measures networks of a checkpoint "
    "itself. A fifth of the networks is held out for the evaluation; the final fit uses all of "
    "them.",
    options=AccuracyCommand,
    run=run,
)
