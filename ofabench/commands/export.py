"""`ofabench export`: a sub-network of a trained supernet as a file of a runtime."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.arguments import add_checkpoint, add_json, add_out

if TYPE_CHECKING:
    from supernet.arch import ArchConfig
    from supernet.space import SearchSpace

FORMATS = ("onnx", "tflite", "torch")
ENDS = ("largest", "smallest")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="write a sub-network of a supernet as ONNX, TFLite or torch",
        description="Writes the model, checked against torch, and its card beside it (FILE.json).",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--arch",
        required=True,
        metavar="R.json",
        help="a search's result, a line of an archs file, or one of the words largest, smallest",
    )
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument(
        "--data",
        metavar="NAME|FOLDER",
        help="images for batch-norm statistics (default: what the checkpoint was trained on)",
    )
    add_json(parser)
    add_out(parser, "FILE")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cut the network out, recalibrate it, and write it."""
    from bench.backends.registry import get_backend
    from ofabench.broken_images import tell_broken
    from supernet.accuracy.judge import normalisation_of
    from supernet.export import Origin, export
    from supernet.train.checkpoint import load_trained
    from supernet.train.parts import open_data
    from supernet.train.recalibrate import CALIBRATION_IMAGES, extract_calibrated

    backend = get_backend(args.format)
    backend.version()  # a missing runtime is told before anything is computed
    checkpoint = load_trained(args.checkpoint)
    recipe = checkpoint.recipe
    space = recipe.space
    arch = _arch(args.arch, space)
    data = open_data(args.data or recipe.data, space, labels=False)
    images = data.train_source.calibration(CALIBRATION_IMAGES, arch.resolution)
    network = extract_calibrated(checkpoint.supernet(), arch, images)
    origin = Origin(
        space=space.name,
        arch=arch,
        normalisation=normalisation_of(data),
        provenance={
            "checkpoint": args.checkpoint.name,
            "data": recipe.data,
            "schedule": recipe.schedule.name,
            "seed": recipe.seed,
            **({"calibration": args.data} if args.data else {}),
        },
    )
    card = export(network, space.blocks(arch), backend, origin, args.out)
    tell_broken(data.broken())
    if args.json:
        print(json.dumps(card.to_json()))
    else:
        print(space.to_line(arch))
        print(
            f"  written to {args.out}, {args.out.stat().st_size / 1e6:.3g} MB, its card beside it"
        )
        print(f"  differs from torch by {card.largest_difference:.1g} at most")
    return 0


def _arch(text: str, space: "SearchSpace") -> "ArchConfig":
    from bench.errors import InputError
    from supernet.search_file import read_network

    if text in ENDS:
        return space.largest() if text == "largest" else space.smallest()
    found = read_network(Path(text))
    if found.space != space.name:
        raise InputError(
            f"{text} holds a network of {found.space}, the checkpoint is of {space.name}; "
            "search in the checkpoint's space"
        )
    return space.canonical(found.arch)
