"""Searches: the most accurate network of a space within limits, or a front of networks."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.protocol.progress import Progress
from ofabench.options.search import SearchOptions
from ofabench.workflows.search.accuracies import Accuracy, on_codes
from ofabench.workflows.search.job import prepared
from ofabench.workflows.search.latencies import LatencySource, latency_source
from ofabench.workflows.search.limits import (
    LatencyLimit,
    Limit,
    energy_limit,
    latency_limit,
    macs_limit,
    memory_limit,
    params_limit,
    size_limit,
    strictest,
)
from ofabench.workflows.search.margins import search_with_margins
from ofabench.workflows.search.plan import plan_of, watcher_of
from ofabench.workflows.search.result import Front, SearchResult

if TYPE_CHECKING:
    from supernet.constraints.constraints import Constraint
    from supernet.search.callbacks import Watcher
    from supernet.space.space import SearchSpace

__all__ = [
    "Front",
    "SearchResult",
    "energy_limit",
    "latency_limit",
    "macs_limit",
    "memory_limit",
    "on_codes",
    "params_limit",
    "pareto",
    "search",
    "size_limit",
]


def search(
    space: "str | os.PathLike[str] | SearchSpace | None",
    accuracy: Accuracy,
    constraints: "Limit | Constraint | Sequence[Limit | Constraint]" = (),
    options: SearchOptions | None = None,
    progress: "Progress | Watcher | None" = None,
) -> SearchResult:
    """Return the most accurate network of a space that meets every constraint.

    Args:
        space: a search space, its name, or its `.toml` file; None for that of the latency
            predictors.
        accuracy: a file that `ofabench accuracy` wrote, `"ofa:FILE"`, an accuracy predictor, or a
            function: it takes a list of n `ArchConfig` and returns n accuracies, fractions from 0
            to 1. `on_codes(function)` is one that takes an array of encoded networks, for speed.
        constraints: limits of `latency_limit`, `energy_limit`, `macs_limit`, `params_limit`,
            `memory_limit` and `size_limit`; a latency limit for each of several devices, as
            `fleet_limits` returns them. Of several limits of one predictor the lowest counts.
        options: how to search, and until when.
        progress: is shown the number of evaluated networks; None shows nothing.

    Returns:
        The network with its predictions. It was chosen for its predicted accuracy: expect less.
        Equal seeds give equal networks, unless `options.seconds` ends the search.

    Raises:
        InfeasibleError: no network meets the constraints; the message names the nearest.
        InputError: an argument is wrong, or the accuracy function did not return n finite numbers.

    Example:
        >>> quick = SearchOptions(budget=300, patience=5)
        >>> deep = lambda archs: [0.5 + sum(arch.depths) / 100 for arch in archs]
        >>> result = search("tiny", deep, [macs_limit("1M")], quick)
        >>> result.macs <= 1_000_000
        True
    """
    constraints = strictest(_sequence(constraints))
    job = prepared(space, accuracy, _limited(constraints), _checked(options))
    limits, others = job.constraints(constraints)
    started = time.monotonic()
    plan = plan_of(job.options, watcher_of(progress))
    network, margins = search_with_margins(job, limits, [*job.measured(), *others], plan)
    return SearchResult(network, job.origin(plan, constraints, time.monotonic() - started), margins)


def pareto(  # noqa: PLR0913 - what is searched, its costs and limits, and how
    space: "str | os.PathLike[str] | SearchSpace | None",
    accuracy: Accuracy,
    latencies: Any,
    constraints: "Limit | Constraint | Sequence[Limit | Constraint]" = (),
    *,
    options: SearchOptions | None = None,
    progress: "Progress | Watcher | None" = None,
) -> Front:
    """Return the Pareto front: networks that no other one beats in both accuracy and latency.

    Args:
        space: as of `search`.
        accuracy: as of `search`.
        latencies: one or two latency predictors, or their files: the front is of accuracy against
            their latencies. Or several limits of `latency_limit` on one device: the most accurate
            network within each.
        constraints: limits that every network meets, on other costs than these latencies.
        options: how to search; `options.points` is the number of networks.
        progress: as of `search`.

    Returns:
        The networks from the cheapest, as a list that has a table (`.frame`) and a file (`.save`).

    Raises:
        InfeasibleError: no network meets the constraints.
        InputError: an argument is wrong.

    Example:
        >>> from tests.support.search_runs import TARGET, latency
        >>> quick = SearchOptions(budget=400, patience=5, points=3)
        >>> deep = lambda archs: [0.5 + sum(arch.depths) / 100 for arch in archs]
        >>> front = pareto("tiny", deep, latency("tiny", TARGET), options=quick)
        >>> len(front), front[0].accuracy < front[-1].accuracy
        (3, True)
    """
    constraints, latencies = _sequence(constraints), _sequence(latencies)
    options = _checked(options)
    by_limit = [limit for limit in latencies if isinstance(limit, LatencyLimit)]
    if by_limit and len(by_limit) != len(latencies):
        raise InputError("latencies are predictors, or limits on one device, not both: give one")
    sources = (
        [by_limit[0].source] if by_limit else [latency_source(latency) for latency in latencies]
    )
    _check_front(by_limit, sources, options)
    job = prepared(space, accuracy, [*sources, *_limited(constraints)], options)
    limits, others = job.constraints(constraints)
    fixed_others = [*job.measured(), *others]
    started = time.monotonic()
    plan = plan_of(job.options, watcher_of(progress))
    if by_limit:
        lowest_first = sorted(by_limit, key=lambda limit: limit.max_ms)
        networks = [
            search_with_margins(job, [limit, *limits], fixed_others, plan) for limit in lowest_first
        ]
    else:
        fixed = [job.limit(limit) for limit in limits]
        front = job.run_front(sources, [*fixed, *fixed_others], plan)
        networks = [(network, ()) for network in front]
    origin = job.origin(plan, [*by_limit, *constraints], time.monotonic() - started)
    results = (SearchResult(network, origin, margins) for network, margins in networks)
    return Front(results, origin, sources)


def _sequence(values: Any) -> list[Any]:
    return (
        list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    )


def _limited(constraints: Sequence[Any]) -> list[LatencySource]:
    return [constraint.source for constraint in constraints if isinstance(constraint, LatencyLimit)]


def _checked(options: SearchOptions | None) -> SearchOptions:
    """Return the options or the defaults; `InputError` for anything else."""
    if options is not None and not isinstance(options, SearchOptions):
        raise InputError(f"options are {options!r:.80}, expected SearchOptions")
    return options or SearchOptions()


def _check_front(
    by_limit: Sequence[LatencyLimit], sources: Sequence[LatencySource], options: SearchOptions
) -> None:
    """Raise if the latencies of a front are too many or do not fit together."""
    from supernet.search.front import MOST_OBJECTIVES

    if (
        len({limit.source.key for limit in by_limit}) > 1
        or not 1 <= len(sources) <= MOST_OBJECTIVES
    ):
        raise InputError(
            "a front has one or two latency predictors, or several limits on one predictor, got "
            f"{len(by_limit) or len(sources)} latencies"
        )
    if not by_limit and options.strategy != SearchOptions().strategy:
        raise InputError(
            f"a front has its own strategy, got --strategy {options.strategy}: leave it out, or "
            "give "
            "--max-latency-ms once for each network"
        )
