"""`ofabench extract`: one sub-network of a supernet, with weights of its own."""

import argparse
from pathlib import Path

from bench.errors import InputError
from ofabench.arguments import add_checkpoint, add_out


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "extract",
        help="cut a sub-network out of a supernet, with weights of its own",
        description="Its batch-norm statistics are taken anew, on training images.",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--arch",
        required=True,
        type=Path,
        metavar="R.json|A.jsonl",
        help="a search's result, or an archs file of one line",
    )
    parser.add_argument(
        "--data",
        metavar="NAME|FOLDER",
        help="images for the statistics (default: what the checkpoint was trained on)",
    )
    add_out(parser, "NET.safetensors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cut the network out, recalibrate it, and write it."""
    from ofabench.broken_images import tell_broken
    from supernet.accuracy.judge import normalisation_of
    from supernet.network_file import CutNetwork, save_network
    from supernet.search_file import read_network
    from supernet.train.checkpoint import load_trained
    from supernet.train.parts import open_data
    from supernet.train.recalibrate import CALIBRATION_IMAGES, extract_calibrated

    found = read_network(args.arch)
    checkpoint = load_trained(args.checkpoint)
    space = checkpoint.space
    if found.space != space.name:
        raise InputError(
            f"{args.arch} holds a network of {found.space}, {args.checkpoint} is of {space.name}; "
            "give a network of the supernet's space"
        )
    arch = space.canonical(found.arch)
    blocks = space.blocks(arch)
    data = open_data(args.data or checkpoint.data, space, labels=False)
    images = data.train_source.calibration(CALIBRATION_IMAGES, arch.resolution)
    cut = CutNetwork(
        space=space.name,
        arch=arch,
        blocks=blocks,
        network=extract_calibrated(checkpoint.supernet(), arch, images),
        normalisation=normalisation_of(data),
        provenance={
            "checkpoint": args.checkpoint.name,
            "data": checkpoint.data,
            "schedule": checkpoint.schedule.name,
            "seed": checkpoint.seed,
            **({"calibration": args.data} if args.data else {}),
        },
    )
    save_network(args.out, cut)
    tell_broken(data.broken())
    macs, params = sum(b.macs for b in blocks), sum(b.params for b in blocks)
    print(space.to_line(arch))
    print(f"  {macs:,} multiply-adds, {params:,} parameters: {args.out}")
    return 0
