"""`ofabench search`: the most accurate network of a space within every limit."""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.arguments import add_json, add_out, add_space, positive_float, positive_int

if TYPE_CHECKING:
    from latency_models.predictors import LatencyPredictor
    from supernet.accuracy.predictor import AccuracyPredictor
    from supernet.constraints import Constraint
    from supernet.search.engine import SearchResult
    from supernet.space import SearchSpace

FRONT_LIMITS = 8


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "search", help="find the most accurate network within limits", description=__doc__
    )
    add_space(parser)
    parser.add_argument(
        "--accuracy", required=True, type=Path, metavar="A.parquet", help="from `ofabench accuracy`"
    )
    parser.add_argument(
        "--latency",
        action="append",
        default=[],
        type=Path,
        metavar="P.parquet",
        help="from `ofabench fit`; once for each device, each with its own --max-latency-ms",
    )
    parser.add_argument(
        "--max-latency-ms",
        action="append",
        default=[],
        type=positive_float,
        metavar="MS",
        help="limit on the --latency of the same place",
    )
    parser.add_argument("--max-macs", type=positive_float, metavar="N", help="limit, e.g. 200e6")
    parser.add_argument("--max-params", type=positive_float, metavar="N", help="limit, e.g. 5e6")
    parser.add_argument(
        "--allow-extrapolated",
        action="store_true",
        help="networks too with sizes, channels or kernels that were never measured",
    )
    parser.add_argument(
        "--pareto",
        action="store_true",
        help="one network for each of several limits on one --latency (those given, or "
        f"{FRONT_LIMITS} spread over what the space can do)",
    )
    parser.add_argument("--seed", type=int, default=0, help="equal seeds find equal networks")
    parser.add_argument(
        "--budget", type=positive_int, default=20_000, help="networks to evaluate at most"
    )
    add_json(parser)
    add_out(parser, "R.json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, write the result and print it."""
    from supernet.accuracy.predictor import AccuracyPredictor
    from supernet.search_file import front_json, result_json, write_json
    from supernet.space import SearchSpace

    _check_pairs(args)
    space = SearchSpace.load(args.space)
    accuracy = AccuracyPredictor.load(args.accuracy)
    accuracy.check_space(space)
    predictors = _load_latencies(args.latency)
    provenance = _provenance(args, accuracy, predictors)
    others = _other_limits(args, space, predictors)
    if args.pareto:
        results = _front(args, space, accuracy, predictors[0], others)
        data = front_json(space, results, predictors, provenance)
    else:
        limits = _latency_limits(space, predictors, args.max_latency_ms)
        results = [_search(args, space, accuracy, [*limits, *others])]
        data = result_json(space, results[0], predictors, provenance)
    write_json(args.out, data)
    if args.json:
        print(json.dumps(data, allow_nan=False))
    else:
        for result in results:
            _show(space, result, predictors)
        print(f"written to {args.out}; the accuracy is predicted, expect less", file=sys.stderr)
    return 0


def _check_pairs(args: argparse.Namespace) -> None:
    from bench.errors import InputError

    latencies, limits = len(args.latency), len(args.max_latency_ms)
    if args.pareto:
        if latencies != 1:
            raise InputError(f"--pareto takes one --latency, got {latencies}")
    elif latencies != limits:
        raise InputError(
            f"got {latencies} --latency and {limits} --max-latency-ms, expected one limit for each"
        )


def _load_latencies(paths: list[Path]) -> "list[LatencyPredictor]":
    from bench.errors import InputError
    from latency_models.predictors import LatencyPredictor

    predictors = [LatencyPredictor.load(path) for path in paths]
    keys = [predictor.target.key for predictor in predictors]
    if len(set(keys)) < len(keys):
        raise InputError(f"two --latency are of one target: {', '.join(keys)}; give each once")
    return predictors


def _latency_limits(
    space: "SearchSpace", predictors: "list[LatencyPredictor]", limits_ms: list[float]
) -> "list[Constraint]":
    from supernet.constraints import latency

    return [
        latency(space, predictor, limit_ms)
        for predictor, limit_ms in zip(predictors, limits_ms, strict=True)
    ]


def _other_limits(
    args: argparse.Namespace, space: "SearchSpace", predictors: "list[LatencyPredictor]"
) -> "list[Constraint]":
    from supernet.constraints import Constraint, macs, measured, params

    limits = []
    if not args.allow_extrapolated:
        limits += [one for one in (measured(space, each) for each in predictors) if one is not None]
    if args.max_macs is not None:
        costs = macs(space.choices)
        limits.append(Constraint(name="macs", costs=costs, limit=args.max_macs, unit="MACs"))
    if args.max_params is not None:
        costs = params(space.choices)
        limits.append(
            Constraint(name="params", costs=costs, limit=args.max_params, unit="parameters")
        )
    return limits


def _search(
    args: argparse.Namespace,
    space: "SearchSpace",
    accuracy: "AccuracyPredictor",
    limits: "list[Constraint]",
) -> "SearchResult":
    from supernet.search.engine import Evolution, search

    evolution = Evolution(budget=args.budget)
    return search(space, accuracy.predict, limits, seed=args.seed, evolution=evolution)


def _front(
    args: argparse.Namespace,
    space: "SearchSpace",
    accuracy: "AccuracyPredictor",
    predictor: "LatencyPredictor",
    others: "list[Constraint]",
) -> "list[SearchResult]":
    from supernet.constraints import latency
    from supernet.search.engine import front_limits

    limits_ms = sorted(args.max_latency_ms) or front_limits(
        space, latency(space, predictor, 1.0).costs, FRONT_LIMITS, seed=args.seed
    )
    return [
        _search(args, space, accuracy, [latency(space, predictor, limit_ms), *others])
        for limit_ms in limits_ms
    ]


def _provenance(
    args: argparse.Namespace,
    accuracy: "AccuracyPredictor",
    predictors: "list[LatencyPredictor]",
) -> dict[str, Any]:
    from bench.files import read_bytes
    from latency_models.storage import origin

    def told(path: Path, provenance: Any) -> dict[str, Any]:
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        return {"file": path.name, "sha256": digest, "provenance": dict(provenance)}

    validation = accuracy.cross_validation.to_json()
    return {
        **origin(),
        "budget": args.budget,
        "accuracy": {
            **told(args.accuracy, accuracy.provenance),
            "cross_validation": validation,
        },
        "latency": [
            {"target": predictor.target.key, **told(path, predictor.provenance)}
            for path, predictor in zip(args.latency, predictors, strict=True)
        ],
    }


def _show(
    space: "SearchSpace", result: "SearchResult", predictors: "list[LatencyPredictor]"
) -> None:
    print(space.to_line(result.arch))
    print(f"  predicted accuracy {result.accuracy:.2%}")
    for predictor in predictors:
        name, prediction = predictor.target.key, predictor.predict(space.blocks(result.arch))
        print(
            f"  predicted {prediction.ms:.4g} ms, give or take {prediction.std_ms:.2g}, "
            f"of {result.limits[name]:g} ms on {name}"
        )
        unmeasured, unlike = len(prediction.unmeasured), len(prediction.extrapolated)
        if unmeasured:
            print(f"  {unmeasured} blocks were never measured there, {unlike} are extrapolated")
    print(f"  {result.macs / 1e6:.4g} M MACs, {result.params / 1e6:.4g} M parameters")
    print(f"  {result.evaluated} networks evaluated, seed {result.seed}")
