"""`ofabench train`: train a supernet by progressive shrinking or the sandwich rule."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.train import TrainOptions

EPILOG = """\
On several GPUs, or in several processes on a CPU:
  torchrun --nproc-per-node 8 -m ofabench train --device cuda --space ofa-mbv3-w1.0 ...
The schedule's batch is the total over all processes. SIGTERM and Ctrl-C save and stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainCommand(Options):
    """Options of `ofabench train`."""

    space: str = shared.space()
    data: str = option(
        "digits",
        metavar="NAME|FOLDER",
        help="digits, a folder of images with train/CLASS/ and val/CLASS/, or a folder of "
        "WebDataset shards ({default})",
    )
    training: TrainOptions = nested(TrainOptions)
    progress: str = shared.progress()
    out: Path = shared.out("SUPERNET.safetensors")


def run(options: TrainCommand) -> int:
    """Train, and print a summary of each phase."""
    from ofabench.display.progress import get_training_progress
    from ofabench.workflows.train.train import train
    from supernet.train.distributed import is_first

    supernet = train(
        options.space,
        options.data,
        out=options.out,
        options=options.training,
        progress=get_training_progress(options.progress),
    )
    if is_first():
        print(supernet)
    return 0


COMMAND = Command(
    name="train",
    help="train a supernet whose sub-networks share their weights",
    description="SUPERNET.safetensors is written after each epoch and every few minutes; "
    "`--resume` continues from it. A log is written next to it (.jsonl).",
    epilog=EPILOG,
    raw=True,
    options=TrainCommand,
    run=run,
)
