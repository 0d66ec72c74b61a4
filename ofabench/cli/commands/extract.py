"""`ofabench extract`: one sub-network of a supernet, with weights of its own."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractCommand(Options):
    """Which sub-network, of what, and its file."""

    checkpoint: Path = shared.checkpoint()
    arch: str = option(
        metavar="R.json|A.jsonl",
        help="a search's result, an archs file of one line, or one of the words largest, smallest",
    )
    pick: int | None = shared.pick()
    data: str | None = option(
        None,
        metavar="NAME|FOLDER",
        help="images for the statistics (default: what the checkpoint was trained on)",
    )
    out: Path = shared.out("NET.safetensors")


def run(options: ExtractCommand) -> int:
    """Cut the network out, recalibrate it, and write it."""
    from ofabench.workflows.train.supernet import load_supernet

    supernet = load_supernet(options.checkpoint)
    network = supernet.extract(options.arch, pick=options.pick, data=options.data, out=options.out)
    print(f"{network}: {options.out}")
    return 0


COMMAND = Command(
    name="extract",
    help="cut a sub-network out of a supernet, with weights of its own",
    description="Its batch-norm statistics are recalibrated on training images.",
    options=ExtractCommand,
    run=run,
)
