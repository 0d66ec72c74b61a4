"""`ofabench evaluate-subnets`: measure accuracies of a supernet's sub-networks."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.accuracy import EvaluationOptions

EPILOG = """\
On several GPUs, or in several processes on a CPU, which share the networks:
  torchrun --nproc-per-node 8 -m ofabench evaluate-subnets --device cuda --checkpoint ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSubnetsCommand(Options):
    """Options of `ofabench evaluate-subnets`."""

    checkpoint: Path = shared.checkpoint()
    evaluation: EvaluationOptions = nested(EvaluationOptions)
    data: str | None = option(None, metavar="NAME|FOLDER", help="images (default: the training's)")
    progress: str = shared.progress()
    json: bool = shared.json()
    out: Path = shared.out("NETWORKS.parquet")


def run(options: EvaluateSubnetsCommand) -> int:
    """Measure missing accuracies, then write the table of all requested networks."""
    from ofabench.display.progress import get_progress
    from ofabench.workflows.train.accuracies import check_folder
    from ofabench.workflows.train.supernet import load_supernet
    from supernet.train.distributed import is_first

    check_folder(options.out)
    measured = load_supernet(options.checkpoint).evaluate(
        data=options.data,
        out=options.out,
        options=options.evaluation,
        progress=get_progress(options.progress),
    )
    if is_first():
        print(json.dumps(measured.to_dict()) if options.json else measured)
        print(f"written to {options.out}", file=sys.stderr)
    return 0


COMMAND = Command(
    name="evaluate-subnets",
    help="measure the accuracy of a supernet's sub-networks",
    description="Each network is extracted, its batch norms are recalibrated on training images, "
    "and its accuracy is measured on validation images. Each accuracy is stored at once in a file "
    "next to the output: the same command continues after a stop, and measures only missing "
    "networks.",
    epilog=EPILOG,
    raw=True,
    options=EvaluateSubnetsCommand,
    run=run,
)
