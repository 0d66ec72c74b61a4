"""`ofabench import-ofa`: a once-for-all network that OFA's authors trained, as a supernet."""

import argparse
import sys
from pathlib import Path

from ofabench.cli.arguments import add_out


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "import-ofa",
        help="read a once-for-all network of OFA's authors as a trained supernet",
        description=(
            "FILE is a torch file of a network of the package `ofa`: its state dict, alone or in a "
            "checkpoint under 'state_dict', 'model', 'net', 'state_dict_ema' and the like, the "
            "first that is there. Prefixes as 'module.' and '_orig_mod.' and numbers beside it do "
            "not matter. Nothing in it is run."
        ),
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="weights of an OFA network")
    parser.add_argument(
        "--space",
        required=True,
        metavar="NAME|FILE.toml",
        help="what it is of: ofa-mbv3-w1.0, ofa-mbv3-w1.2, ofa-proxyless-w1.3 or ofa-resnet50d",
    )
    add_out(parser, "SUPERNET.safetensors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the file, rename its tensors, and write the supernet."""
    from supernet.space.space import SearchSpace
    from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
    from supernet.train.schedule import IMPORTED, Schedule
    from supernet.weights.import_ofa import import_ofa
    from supernet.weights.torch_file import read_state

    space = SearchSpace.load(args.space)
    stored = read_state(args.file)
    network = import_ofa(stored.tensors, space, str(args.file))
    recipe = Recipe(space=space, schedule=Schedule.from_toml(IMPORTED), data="imagenet", seed=0)
    save_checkpoint(args.out, Checkpoint(recipe=recipe, phase=0, epoch=0, network=network))
    if stored.left_out:
        print(
            f"read the weights under {stored.place!r}; {', '.join(map(repr, stored.left_out))} "
            "beside it are left out",
            file=sys.stderr,
        )
    weights = sum(tensor.numel() for tensor in network.values())
    print(f"{space.name}: {len(network)} tensors, {weights:,} numbers: {args.out}")
    return 0
