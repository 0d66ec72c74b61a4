"""`ofabench verify`: an exported network, measured, beside what was predicted of it."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.arguments import add_json, positive_float, positive_int
from ofabench.device_arguments import add_device, device_in

if TYPE_CHECKING:
    from bench.devices.base import Device
    from latency_models.predictors import LatencyPredictor
    from supernet.card import Card
    from supernet.search_file import FoundNetwork
    from supernet.verify import Promise

EXIT_FAILED_CHECK = 1
COMPANY = 100  # blocks of the predictor's sweep that are measured beside the network


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="measure an exported network and hold it against its prediction",
        description="Exit code 1 where the latency is not what was predicted.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="from `ofabench export`")
    parser.add_argument(
        "--latency", required=True, type=Path, metavar="P.parquet", help="from `ofabench fit`"
    )
    parser.add_argument(
        "--result", type=Path, metavar="R.json", help="the search's result, for its limits"
    )
    parser.add_argument(
        "--tolerance",
        type=positive_float,
        default=0.1,
        metavar="SHARE",
        help="share of the prediction by which the measurement may differ (0.1)",
    )
    add_device(parser, default="cpu")
    parser.add_argument("--backend", metavar="B", help="default: what the file was made for")
    parser.add_argument(
        "--data", metavar="NAME", help="also judge the file on this data set's test images"
    )
    parser.add_argument("--loads", type=positive_int, default=6, help="as of a sweep (6)")
    parser.add_argument("--passes", type=positive_int, default=30, help="of each load (30)")
    parser.add_argument("--seed", type=int, default=0, help="of orders, weights and inputs")
    parser.add_argument("--keep", type=Path, metavar="SWEEP.sqlite", help="keep every sample")
    parser.add_argument("--force", action="store_true", help="measure though the device is busy")
    add_json(parser)
    parser.add_argument("--out", type=Path, metavar="V.json", help="write the result as JSON too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print both figures, and say by the exit code whether they agree."""
    from latency_models.predictors import LatencyPredictor
    from supernet.card import read_exported
    from supernet.search_file import read_network

    content, card = read_exported(args.model)
    predictor = LatencyPredictor.load(args.latency)
    found = read_network(args.result) if args.result is not None else None
    _check_result(card, found)
    judge = _judge(args.data, card)
    with device_in(args) as device:
        promise = _measure(args, device, content, card, predictor)
    data: dict[str, Any] = {
        "model": args.model.name,
        "space": card.space,
        "arch": card.arch.to_json(),
        "target": predictor.target.key,
        **promise.to_json(),
        "limit_ms": (found.limits or {}).get(predictor.target.key) if found else None,
        "extrapolated": [b.key for b in card.blocks if b not in predictor.domain],
        "predicted_accuracy": found.accuracy if found else None,
        "accuracy": None,
        "accuracy_error": None,
    }
    if judge is not None:
        score = judge(content)
        data["accuracy"], data["accuracy_error"] = score.accuracy, score.error
    if args.out is not None:
        from bench.files import write_text

        write_text(args.out, json.dumps(data, indent=2, allow_nan=False) + "\n")
    if args.json:
        print(json.dumps(data, allow_nan=False))
    else:
        _show(data, promise)
    return 0 if promise.kept else EXIT_FAILED_CHECK


def _check_result(card: "Card", found: "FoundNetwork | None") -> None:
    from bench.errors import InputError

    if found is not None and (found.space, found.arch) != (card.space, card.arch):
        raise InputError(
            "the search's result is of another network than the model file; export that network, "
            "or give the result that it was exported from"
        )


def _judge(name: str | None, card: "Card") -> Any:
    """Make what judges a file's content on test images, before anything is measured."""
    if name is None:
        return None
    from supernet.accuracy.judge import Judge

    return Judge.on(name, card)


def _measure(
    args: argparse.Namespace,
    device: "Device",
    content: bytes,
    card: "Card",
    predictor: "LatencyPredictor",
) -> "Promise":
    import numpy as np

    from bench.backends.registry import get_backend
    from bench.planner import SweepPlan
    from ofabench.progress import TerminalProgress
    from supernet.verify import Bench, hold, measure_file

    known = list(predictor.known)
    rng = np.random.default_rng(args.seed)
    company = rng.choice(len(known), size=min(COMPANY, len(known)), replace=False).tolist()
    bench = Bench(
        device=device,
        backend=get_backend(args.backend or card.backend),
        target=predictor.target,
        plan=SweepPlan(loads=args.loads, passes=args.passes, seed=args.seed),
        progress=TerminalProgress(),
        company=tuple(known[i] for i in company),
        forced=args.force,
    )
    measurements = measure_file(content, card.blocks, bench, args.keep)
    references = predictor.provenance.get("references") or {}
    predicted_ms = predictor.predict(card.blocks).ms
    return hold(measurements, predicted_ms, references, args.tolerance)


def _show(data: dict[str, Any], promise: "Promise") -> None:
    print(f"{data['model']} on {data['target']}")
    print(f"  predicted  {promise.predicted_ms:.4g} ms")
    if data["extrapolated"]:
        count = len(data["extrapolated"])
        print(f"  extrapolated: {count} blocks are unlike any that the predictor was fitted on")
    interval = f"{promise.low_ms:.4g} to {promise.high_ms:.4g}"
    print(f"  measured   {promise.measured_ms:.4g} ms (95 % interval {interval})")
    if promise.level is None:
        print("  level      unknown: the predictor has no references; sweep and fit again")
    else:
        moved = f"the machine now takes {promise.level - 1:+.1%} over the same work"
        print(f"  levelled   {promise.levelled_ms:.4g} ms ({moved})")
    verdict = "kept" if promise.kept else "NOT KEPT"
    print(f"  difference {promise.error:+.1%}, allowed {promise.tolerance:.0%}: {verdict}")
    if data["limit_ms"] is not None:
        print(f"  limit      {data['limit_ms']:g} ms")
    if data["accuracy"] is not None:
        told = f"{data['accuracy']:.2%} ± {data['accuracy_error']:.2%} of test images"
        if data["predicted_accuracy"] is not None:
            told += f" (predicted on validation images {data['predicted_accuracy']:.2%})"
        print(f"  accuracy   {told}")
