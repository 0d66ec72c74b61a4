"""`ofabench finetune`: train a single network further, such as one that a search chose."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.finetune import FinetuneOptions

if TYPE_CHECKING:
    from ofabench.workflows.export.source import Source

EPILOG = """\
With another number of classes in the data, the classifier is initialised and all other weights are
kept: --head-epochs 3 trains it alone at first. Validation images choose the best epoch; no test
image is used. On several GPUs:
  torchrun --nproc-per-node 8 -m ofabench finetune net.safetensors --device cuda ...
SIGTERM and Ctrl-C save and stop; the same command with --resume continues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneCommand(Options):
    """Options of `ofabench finetune`."""

    network: Path = option(
        positional=True,
        metavar="NETWORK",
        help="sub-network, from `ofabench extract` or an earlier fine-tuning; or with --arch a "
        "supernet, from `ofabench train`",
    )
    arch: str | None = shared.arch_of_checkpoint()
    pick: int | None = shared.pick()
    data: str | None = option(
        None,
        metavar="NAME|FOLDER",
        help="digits, or a folder of images with train/CLASS/ and val/CLASS/ (default: the data of "
        "the network's extraction)",
    )
    finetuning: FinetuneOptions = nested(FinetuneOptions)
    progress: str = shared.progress()
    out: Path = shared.out("NET.safetensors")


def run(options: FinetuneCommand) -> int:
    """Fine-tune, and print the network with its accuracy before and after."""
    from ofabench.display.progress import get_training_progress
    from ofabench.workflows.finetune.finetune import finetune
    from supernet.train.distributed import is_first

    network: Source = options.network
    if options.arch is not None:
        network = (options.network, options.arch)
    tuned = finetune(
        network,
        options.data,
        out=options.out,
        pick=options.pick,
        options=options.finetuning,
        progress=get_training_progress(options.progress),
    )
    if is_first():
        print(f"{tuned}\n{options.out}")
    return 0


COMMAND = Command(
    name="finetune",
    help="fine-tune a sub-network on its own, for the same data or for other classes",
    description="NET.safetensors is the best network by validation, for `ofabench export "
    "--network` and `deploy --network`. While it trains, its state and its log are next to it "
    "(NET.finetune.safetensors, NET.finetune.jsonl).",
    epilog=EPILOG,
    raw=True,
    options=FinetuneCommand,
    run=run,
)
