"""`ofabench export`: a sub-network of a trained supernet as a file of a runtime."""

import argparse
import json

from ofabench.cli.arguments import add_json, add_out, add_pick
from ofabench.workflows.export.export import (
    add_form,
    add_source,
    cut_of,
    make_product,
    show_card,
)

FORMATS = ("onnx", "tflite", "torch")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="write a sub-network of a supernet as ONNX, TFLite or torch",
        description="Writes the model, checked against torch, and its card beside it (FILE.json), "
        "and prints its accuracy before and after. No test image is ever looked at.",
    )
    add_source(parser)
    parser.add_argument(
        "--arch",
        metavar="R.json",
        help="of a checkpoint: a search's result, a line of an archs file, or one of the words "
        "largest, smallest",
    )
    add_pick(parser)
    add_form(parser, FORMATS)
    add_json(parser)
    add_out(parser, "FILE")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cut the network out, make its file, hold it against torch, and write it."""
    from bench.backends.registry import get_backend
    from ofabench.workflows.train.broken_images import tell_broken
    from supernet.export.export import write_exported
    from supernet.export.precision import check_precision

    check_precision(args.format, args.precision)
    get_backend(args.format).version()  # a missing runtime is told before anything is computed
    cut = cut_of(args)
    product = make_product(args, cut)
    write_exported(args.out, product.content, product.card)
    if cut.data is not None:
        tell_broken(cut.data.broken())
    if args.json:
        print(json.dumps(product.card.to_json(), allow_nan=False))
        return 0
    print(json.dumps({"space": product.card.space, **product.card.arch.to_json()}))
    print(f"  written to {args.out}, its card beside it")
    show_card(product.card, product.unjudged)
    return 0
