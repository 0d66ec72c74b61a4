"""`ofabench deploy`: from a supernet, and a search or its result, to a folder to hand on."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofabench.cli.arguments import (
    add_json,
    add_pick,
    add_progress,
    positive_float,
    positive_int,
    seed,
)
from ofabench.cli.device_arguments import add_device
from ofabench.cli.export_arguments import add_form, add_source
from ofabench.cli.search_arguments import add_limits
from ofabench.workflows.deploy.verdicts import accuracy_lines, failed, latency_lines

FORMATS = ("onnx", "tflite", "torch")
EXIT_FAILED_CHECK = 1


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "deploy",
        help="search, extract, export, check and verify in one go; leaves a folder to hand on",
        description="The folder holds the model, its card (card.json, and card.md for people), the "
        "search's result and SHA256SUMS. Exit code 1 where a prediction is out of tolerance or a "
        "limit is not met: the folder is left, and its card says so.",
    )
    add_source(parser)
    parser.add_argument(
        "--arch",
        metavar="R.json",
        help="of a checkpoint: a search's result, a line of an archs file, or one of the words "
        "largest, smallest",
    )
    parser.add_argument(
        "--result", type=Path, metavar="R.json", help="the search's result, with --network"
    )
    add_pick(parser)
    add_form(parser, FORMATS)
    parser.add_argument(
        "--test-images", type=positive_int, metavar="N", help="judge on so many (default: all)"
    )
    parser.add_argument(
        "--latency",
        type=Path,
        action="append",
        default=[],
        metavar="P.parquet",
        help="from `ofabench fit`; once for each target. Those of --device are verified, the "
        "others stay predicted",
    )
    searched = parser.add_argument_group("in place of --arch, a search in the checkpoint's space")
    searched.add_argument(
        "--accuracy",
        metavar="A.parquet|ofa:FILE[@SIZES]",
        help="as of `ofabench search`, with its limits",
    )
    add_limits(searched)
    parser.add_argument("--no-verify", action="store_true", help="measure no latency")
    add_device(parser, default="cpu")
    add_measuring(parser)
    add_json(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder to make")
    parser.set_defaults(run=run)


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add how a file is measured and judged."""
    add_progress(parser)
    parser.add_argument(
        "--tolerance",
        type=positive_float,
        default=0.1,
        metavar="SHARE",
        help="share of the prediction by which the measurement may differ (0.1)",
    )
    parser.add_argument("--loads", type=positive_int, default=6, help="as of a sweep (6)")
    parser.add_argument("--passes", type=positive_int, default=30, help="of each load (30)")
    parser.add_argument("--seed", type=seed, default=0, help="of orders, weights and inputs")
    parser.add_argument("--force", action="store_true", help="measure though the device is busy")


def run(args: argparse.Namespace) -> int:
    """Make the folder, and say what is in it."""
    from ofabench.workflows.deploy.deploy_search import searched
    from ofabench.workflows.deploy.deploying import deploy

    with searched(args) as chosen:
        card = deploy(chosen)
    if args.json:
        print(json.dumps(card, allow_nan=False))
    else:
        _show(args.out, card)
    verified = [one["verification"] for one in card["latency"]]
    broken = any(one["met"] is False for one in card["limits"])
    broken = broken or any(failed(one) for one in verified if one is not None)
    return EXIT_FAILED_CHECK if broken else 0


def _show(out: Path, card: Mapping[str, Any]) -> None:
    from ofabench.workflows.deploy.deploy_page import amount
    from ofabench.workflows.export.card_text import card_lines
    from supernet.export.card import Card

    model = card["model"]
    print(json.dumps({"space": model["space"], **model["arch"]}))
    print(f"  {out}: {model['file']}, {model['size_bytes']:,} bytes, with its card")
    print("\n".join(card_lines(Card.from_json(model, out), card["accuracy"]["not_measured"])))
    for line in accuracy_lines(card["accuracy"]):
        print(line)
    for one in card["limits"]:
        if one["met"] is not None:
            met = "met" if one["met"] else "NOT MET"
            print(f"  {one['name']} {amount(one['actual'])} of {amount(one['limit'])}: {met}")
    for one in card["latency"]:
        print(one["target"])
        if one["verification"] is not None:
            for line in latency_lines(one["verification"]):
                print(line)
            continue
        print(f"  predicted  {one['predicted_ms']:.4g} ms, give or take {one['std_ms']:.2g}")
        if one["limit_ms"] is not None:
            print(f"  limit      {one['limit_ms']:g} ms")
        print(f"  measured   no: {one['not_measured']}")
