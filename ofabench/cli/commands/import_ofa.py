"""`ofabench import-ofa`: import a once-for-all network of OFA's authors as a supernet."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOfaCommand(Options):
    """Options of `ofabench import-ofa`."""

    file: Path = option(positional=True, metavar="FILE", help="weights of an OFA network")
    space: str = option(
        metavar="NAME|FILE.toml",
        help="its space: ofa-mbv3-w1.0, ofa-mbv3-w1.2, ofa-proxyless-w1.3 or ofa-resnet50d",
    )
    out: Path = shared.out("SUPERNET.safetensors")


def run(options: ImportOfaCommand) -> int:
    """Read the file, rename its tensors, and write the supernet."""
    from ofabench.workflows.train.import_supernet import import_ofa_supernet

    supernet = import_ofa_supernet(options.file, options.space, out=options.out)
    tensors = supernet.checkpoint.network.values()
    weights = sum(tensor.numel() for tensor in tensors)
    print(f"{supernet.space.name}: {len(tensors)} tensors, {weights:,} numbers: {options.out}")
    return 0


COMMAND = Command(
    name="import-ofa",
    help="import a once-for-all network of OFA's authors as a trained supernet",
    description="FILE is a torch file of a network of the package `ofa`: its state dict, alone or "
    "in a checkpoint under 'state_dict', 'model', 'net', 'state_dict_ema' and the like, whichever "
    "comes first. Prefixes such as 'module.' and '_orig_mod.' and other entries are ignored. No "
    "code in the file is run.",
    options=ImportOfaCommand,
    run=run,
)
