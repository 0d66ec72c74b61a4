"""`ofabench extract`: write one sub-network of a supernet as a separate network."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractCommand(Options):
    """Options of `ofabench extract`."""

    checkpoint: Path = shared.checkpoint()
    arch: str = option(
        metavar="R.json|A.jsonl",
        help="a search's result, an archs file, or one of the words largest, smallest",
    )
    pick: int | None = shared.pick()
    data: str | None = option(
        None,
        metavar="NAME|FOLDER",
        help="training images for the batch-norm statistics (default: the training's)",
    )
    out: Path = shared.out("NET.safetensors")


def run(options: ExtractCommand) -> int:
    """Extract the network, recalibrate it, and write it."""
    from ofabench.workflows.train.supernet import load_supernet

    supernet = load_supernet(options.checkpoint)
    network = supernet.extract(options.arch, pick=options.pick, data=options.data, out=options.out)
    print(f"{network}: {options.out}")
    return 0


COMMAND = Command(
    name="extract",
    help="extract a sub-network of a supernet, with separate weights",
    description="Its batch-norm statistics are recalibrated on training images.",
    options=ExtractCommand,
    run=run,
)
