"""A search from its arguments: what is loaded, checked, searched, and told of where it is from."""

import argparse
import hashlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from supernet.search.watch import Watcher

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.accuracy.source import AccuracySource
    from supernet.constraints.constraints import Constraint, Costs
    from supernet.search.engine import Budget, Plan, SearchResult
    from supernet.space.space import SearchSpace

BYTES = {"fp32": 4, "fp16": 2, "int8": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found: one result, or those of a front from the cheapest; `data` is JSON."""

    space: "SearchSpace"
    predictors: "tuple[LatencyPredictor, ...]"
    accuracy: "AccuracySource"
    results: "tuple[SearchResult, ...]"
    data: dict[str, Any]


def search_from(
    args: argparse.Namespace, watcher: Watcher, space: "SearchSpace | None" = None
) -> Found:
    """Search as `ofabench.cli.search_arguments` has it; `InputError` where that cannot be done.

    `space` is searched in place of the one that is named.
    """
    from supernet.accuracy.source import open_accuracy
    from supernet.search.result_file import front_json, result_json
    from supernet.space.space import SearchSpace

    _check(args)
    space = space or SearchSpace.load(args.space)
    accuracy = open_accuracy(args.accuracy)
    accuracy.check_space(space)
    predictors = load_latencies(args.latency)
    resolutions = _resolutions(args, space, accuracy)
    if resolutions:
        space = space.narrowed(resolutions)
    started = time.monotonic()
    plan = plan_of(args, watcher)
    results = _search(args, _Parts(space, accuracy, predictors), plan)
    provenance = _provenance(args, plan.budget, accuracy, predictors)
    provenance["resolutions"] = resolutions
    provenance["seconds"] = round(time.monotonic() - started, 3)
    if args.pareto:
        data = front_json(space, results, predictors, provenance)
    else:
        data = result_json(space, results[0], predictors, provenance)
    return Found(
        space=space,
        predictors=tuple(predictors),
        accuracy=accuracy,
        results=tuple(results),
        data=data,
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    space: "SearchSpace"
    accuracy: "AccuracySource"
    predictors: "list[LatencyPredictor]"


def _check(args: argparse.Namespace) -> None:
    from supernet.search.front import MOST_OBJECTIVES

    latencies, limits = len(args.latency), len(args.max_latency_ms)
    if not args.pareto and latencies != limits:
        raise InputError(
            f"got {latencies} --latency and {limits} --max-latency-ms, expected one limit for each"
        )
    if args.pareto and not 1 <= latencies <= (1 if limits else MOST_OBJECTIVES):
        raise InputError(
            f"--pareto takes one --latency, or two without limits on them, got {latencies}"
        )
    if args.pareto and not limits and args.strategy != "evolution":
        raise InputError(
            f"a front has a strategy of its own, got --strategy {args.strategy}: leave it out, or "
            "give --max-latency-ms for each network wanted"
        )
    if args.confidence is not None and not limits:
        raise InputError("--confidence is of latency limits, and there is no --max-latency-ms")
    if args.session_spread and args.confidence is None:
        raise InputError("--session-spread widens the margin of --confidence: give that too")


def _resolutions(
    args: argparse.Namespace, space: "SearchSpace", accuracy: "AccuracySource"
) -> list[int]:
    """Sizes to search alone, px: --resolutions, or those that the predictor knows; [] for all."""
    wanted = list(args.resolutions or space.resolutions)
    known = accuracy.known_resolutions(wanted)
    if len(known) < len(wanted):
        listed = ",".join(map(str, known))
        if args.resolutions:
            missing = next(size for size in wanted if size not in known)
            raise InputError(
                f"{args.accuracy} predicts no accuracy at {missing} px; give --resolutions {listed}"
            )
        print(f"searching only at {listed} px, which {args.accuracy} knows", file=sys.stderr)
        return known
    return list(args.resolutions or ())


def load_latencies(paths: Sequence[Path]) -> "list[LatencyPredictor]":
    """Load predictors; `InputError` where two are of one target."""
    from latency_models.predictors.predictor import LatencyPredictor

    predictors = [LatencyPredictor.load(path) for path in paths]
    keys = [predictor.target.key for predictor in predictors]
    if len(set(keys)) < len(keys):
        raise InputError(f"two --latency are of one target: {', '.join(keys)}; give each once")
    return predictors


def _search(args: argparse.Namespace, parts: _Parts, plan: "Plan") -> "list[SearchResult]":
    from supernet.constraints.constraints import latency
    from supernet.search.engine import search
    from supernet.search.front import search_front
    from supernet.search.problem import Objective, Problem

    space, predictors = parts.space, parts.predictors
    others = other_limits(args, space, predictors)
    predict = parts.accuracy.predict
    if args.pareto and not args.max_latency_ms:
        objectives = []
        for predictor in predictors:
            limit = latency(space, predictor, math.nextafter(math.inf, 0))
            objectives.append(Objective(name=limit.name, costs=limit.costs, unit=limit.unit))
        problem = Problem(
            space=space,
            accuracy=predict,
            constraints=tuple(others),
            objectives=tuple(objectives),
        )
        return search_front(problem, seed=args.seed, points=args.points, plan=plan)
    if args.pareto:
        limits_ms, first = sorted(args.max_latency_ms), predictors[0]
        cost = latency(space, first, limits_ms[0], args.confidence, args.session_spread)
        by_limit = [[replace(cost, limit=limit_ms)] for limit_ms in limits_ms]
    else:
        by_limit = [
            [
                latency(space, predictor, limit_ms, args.confidence, args.session_spread)
                for predictor, limit_ms in zip(predictors, args.max_latency_ms, strict=True)
            ]
        ]
    return [
        search(space, predict, [*limits, *others], seed=args.seed, plan=plan) for limits in by_limit
    ]


def plan_of(args: argparse.Namespace, watcher: Watcher) -> "Plan":
    """Which strategy, and until when."""
    from supernet.search.engine import Budget, Plan
    from supernet.search.evolution import Evolution, RegularisedEvolution
    from supernet.search.strategy import Strategy
    from supernet.search.sweeps import MOST_NETWORKS, Exhaustive, RandomSearch

    strategies: tuple[Strategy, ...] = (
        Evolution(), RegularisedEvolution(), RandomSearch(), Exhaustive()
    )  # fmt: skip
    strategy = {one.name: one for one in strategies}[args.strategy]
    every = args.strategy == "exhaustive"
    usual = Budget()
    budget = Budget(
        evaluations=args.budget or (MOST_NETWORKS if every else usual.evaluations),
        seconds=args.seconds or math.inf,
        patience=args.patience or (MOST_NETWORKS if every else usual.patience),
    )
    return Plan(strategy=strategy, budget=budget, watcher=watcher)


def other_limits(
    args: argparse.Namespace, space: "SearchSpace", predictors: "Sequence[LatencyPredictor]"
) -> "list[Constraint]":
    """Limits on all but latency."""
    from supernet.constraints.constraints import Constraint, measured
    from supernet.constraints.counted import macs, model_size, params, peak_memory

    limits: list[Constraint] = []
    if not args.allow_extrapolated:
        limits += [one for one in (measured(space, each) for each in predictors) if one is not None]
    choices = space.choices
    counted: tuple[tuple[str, float | None, str, Callable[[], Costs]], ...] = (
        ("macs", args.max_macs, "MACs", partial(macs, choices)),
        ("params", args.max_params, "parameters", partial(params, choices)),
        ("peak memory", args.max_memory_bytes, "bytes",
         partial(peak_memory, choices, BYTES[args.precision])),
        ("model size", args.max_size_bytes, "bytes",
         partial(model_size, choices, args.precision)),
    )  # fmt: skip
    for name, most, unit, costs in counted:
        if most is not None:
            limits.append(Constraint(name=name, costs=costs(), limit=most, unit=unit))
    return limits


def _provenance(
    args: argparse.Namespace,
    budget: "Budget",
    accuracy: "AccuracySource",
    predictors: "Sequence[LatencyPredictor]",
) -> dict[str, Any]:
    from bench.files import read_bytes
    from latency_models.tables.storage import origin

    def told(path: Path, predictor: "LatencyPredictor") -> dict[str, Any]:
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        return {
            "target": predictor.target.key,
            "file": path.name,
            "sha256": digest,
            "provenance": dict(predictor.provenance),
        }

    return {
        **origin(),
        "budget": budget.evaluations,
        "patience": budget.patience,
        "confidence": args.confidence,
        "session_spread": args.session_spread,
        "accuracy": accuracy.to_json(),
        "latency": [told(*pair) for pair in zip(args.latency, predictors, strict=True)],
    }
