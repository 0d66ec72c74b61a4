"""`ofabench evaluate-subnets`: accuracies of a supernet's sub-networks, as a networks table."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.accuracy import EvaluationOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSubnetsCommand(Options):
    """Which sub-networks are measured, on what, and the table's file."""

    checkpoint: Path = shared.checkpoint()
    evaluation: EvaluationOptions = nested(EvaluationOptions)
    data: str | None = option(None, metavar="NAME", help="data set (that of the training)")
    progress: str = shared.progress()
    json: bool = shared.json()
    out: Path = shared.out("NETWORKS.parquet")


def run(options: EvaluateSubnetsCommand) -> int:
    """Measure what is not measured yet, then write the table of all that was asked."""
    from ofabench.display.progress import get_progress
    from ofabench.workflows.train.accuracies import check_folder
    from ofabench.workflows.train.supernet import load_supernet

    check_folder(options.out)
    measured = load_supernet(options.checkpoint).evaluate(
        data=options.data,
        out=options.out,
        options=options.evaluation,
        progress=get_progress(options.progress),
    )
    print(json.dumps(measured.to_dict()) if options.json else measured)
    print(f"written to {options.out}", file=sys.stderr)
    return 0


COMMAND = Command(
    name="evaluate-subnets",
    help="measure the accuracy of a supernet's sub-networks",
    description="Each network is cut out, its batch norms recalibrated on training images, and "
    "judged on validation images. What is measured is kept in a file beside the output: the "
    "same command continues where it was stopped, and measures only what is new.",
    options=EvaluateSubnetsCommand,
    run=run,
)
