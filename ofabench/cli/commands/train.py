"""`ofabench train`: a supernet, by progressive shrinking or the sandwich rule."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.train import TrainOptions

EPILOG = """\
On several GPUs, or several processes of a CPU:
  torchrun --nproc-per-node 8 -m ofabench train --device cuda --space ofa-mbv3-w1.0 ...
A schedule's batch is that of all processes together. SIGTERM and Ctrl-C save and end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainCommand(Options):
    """What is trained on what, how, and where it is kept."""

    space: str = shared.space()
    data: str = option(
        "digits",
        metavar="NAME|FOLDER",
        help="digits, or a folder of images with train/CLASS/ and val/CLASS/ ({default})",
    )
    training: TrainOptions = nested(TrainOptions)
    progress: str = shared.progress()
    out: Path = shared.out("SUPERNET.safetensors")


def run(options: TrainCommand) -> int:
    """Train, and say what each phase came to."""
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
    description="The end of each epoch, and the state every few minutes, is kept in "
    "SUPERNET.safetensors; `--resume` continues from there. A log is written beside it (.jsonl).",
    epilog=EPILOG,
    raw=True,
    options=TrainCommand,
    run=run,
)
