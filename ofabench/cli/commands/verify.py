"""`ofabench verify`: an exported network, measured, beside what was predicted of it."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.arguments import add_json, add_pick, positive_int
from ofabench.cli.device_arguments import add_device, device_in, measuring_on
from ofabench.workflows.deploy.verdicts import (
    accuracy_json,
    failed,
    show_accuracy,
    show_latency,
    with_repeat,
)
from ofabench.workflows.deploy.verifying import Asked, add_measuring, measure, target_for

if TYPE_CHECKING:
    from bench.protocol.backend import Backend
    from bench.protocol.device import Device
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.export.card import Card
    from supernet.search.result_file import FoundNetwork

EXIT_FAILED_CHECK = 1


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="measure an exported network, judge it by its prediction and its limit",
        description="Exit code 1 where the latency is out of tolerance of its prediction "
        "(drift-corrected where drift can be told, else as measured), or above the search's limit "
        "(always as measured). A file of another precision than the predictor's is measured, and "
        "shown beside the prediction without a verdict.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="from `ofabench export`")
    parser.add_argument(
        "--latency",
        type=Path,
        metavar="P.parquet",
        help="from `ofabench fit`; without it the file is only measured",
    )
    parser.add_argument(
        "--result", type=Path, metavar="R.json", help="the search's result, for its limits"
    )
    add_pick(parser)
    add_measuring(parser)
    add_device(parser, default="cpu")
    parser.add_argument("--backend", metavar="B", help="default: what the file was made for")
    parser.add_argument(
        "--threads", type=positive_int, help="without --latency, which says how many (1)"
    )
    parser.add_argument("--cores", metavar="N,N|any", help="without --latency, likewise")
    parser.add_argument(
        "--data", metavar="NAME|FOLDER", help="also judge the file on its test images"
    )
    parser.add_argument(
        "--images", type=positive_int, metavar="N", help="of the test (default: all)"
    )
    parser.add_argument("--keep", type=Path, metavar="SWEEP.sqlite", help="keep every sample")
    add_json(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="V.json",
        help="write the result as JSON too; beside the first one where the file verifies the same",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print all figures and verdicts; the exit code is that of this measurement."""
    from bench.backends.registry import get_backend
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.export.card import read_exported
    from supernet.search.result_file import read_network

    content, card = read_exported(args.model)
    predictor = None if args.latency is None else LatencyPredictor.load(args.latency)
    found = None if args.result is None else read_network(args.result, args.pick, card.space)
    _check(args, card, found)
    judge = _judge(args, card)
    backend = get_backend(args.backend or card.backend)
    with device_in(args) as device:
        asked = _asked(args, device, backend, (content, card), predictor)
        asked = replace(asked, limits=None if found is None else found.limits)
        with measuring_on(args, device):
            verdict = measure(args, device, backend, asked)
    score = None if judge is None else judge(content)
    data: dict[str, Any] = {
        "model": args.model.name,
        "space": card.space,
        "arch": card.arch.to_json(),
        **verdict,
        **accuracy_json(score, None if found is None else found.accuracy),
    }
    _show(args, data if args.out is None else _write(args.out, data))
    return EXIT_FAILED_CHECK if failed(data) else 0


def _check(args: argparse.Namespace, card: "Card", found: "FoundNetwork | None") -> None:
    from bench.errors import InputError

    if found is not None and (found.space, found.arch) != (card.space, card.arch):
        raise InputError(
            "the search's result is of another network than the model file; export that network, "
            "or give the result that it was exported from"
        )
    if args.pick is not None and args.result is None:
        raise InputError("--pick chooses a network of --result; give both, or leave it out")
    if args.latency is not None and (args.threads, args.cores) != (None, None):
        raise InputError(
            "threads and cores are those of the predictor's target; leave out --threads and "
            "--cores, or leave out --latency to measure alone"
        )


def _asked(
    args: argparse.Namespace,
    device: "Device",
    backend: "Backend",
    exported: "tuple[bytes, Card]",
    predictor: "LatencyPredictor | None",
) -> Asked:
    from ofabench.workflows.sweep.sweeping import make_target

    content, card = exported
    if predictor is not None:
        target = target_for(card, predictor)
    else:
        target = make_target(
            device,
            backend,
            threads=args.threads or 1,
            cores=args.cores,
            batch=card.batch,
            precision=card.precision,
        )
    return Asked(content=content, card=card, target=target, predictor=predictor, keep=args.keep)


def _judge(args: argparse.Namespace, card: "Card") -> Any:
    """Make what judges a file's content on test images, before anything is measured."""
    if args.data is None:
        return None
    from supernet.verification.judge import Judge

    return Judge.on(args.data, card, args.images)


def _write(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Write the result, as a repeat where the file holds the first of the same; what is written."""
    from bench.errors import FileError
    from bench.files import read_json, write_text

    try:
        first = read_json(path) if path.exists() else None
    except FileError:
        first = None  # some other file, which is replaced
    whole = with_repeat(first, data) or data
    write_text(path, json.dumps(whole, indent=2, allow_nan=False) + "\n")
    return whole


def _show(args: argparse.Namespace, data: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(data, allow_nan=False))
        return
    print(f"{data['model']} on {data['target']}")
    show_latency(data)
    show_accuracy(data)
