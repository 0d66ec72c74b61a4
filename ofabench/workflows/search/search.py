"""Searches: the most accurate network of a space within limits, or a front of networks."""

import logging
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.protocol.progress import Progress
from ofabench.options.search import SearchOptions
from ofabench.workflows.search.accuracies import Accuracy, FunctionAccuracy, accuracy_of, on_codes
from ofabench.workflows.search.latencies import (
    LatencySource,
    check_distinct,
    latency_source,
    space_known_by,
)
from ofabench.workflows.search.limits import (
    LatencyLimit,
    Limit,
    latency_limit,
    macs_limit,
    memory_limit,
    params_limit,
    size_limit,
)
from ofabench.workflows.search.plan import plan_of, watcher_of
from ofabench.workflows.search.result import Front, SearchOrigin, SearchResult
from ofabench.workflows.space import load_space

if TYPE_CHECKING:
    from supernet.accuracy.source import AccuracySource
    from supernet.constraints.constraints import Constraint
    from supernet.search.engine import Plan
    from supernet.search.engine import SearchResult as FoundNetwork
    from supernet.search.watch import Watcher
    from supernet.space.space import SearchSpace

__all__ = [
    "Front",
    "SearchResult",
    "latency_limit",
    "macs_limit",
    "memory_limit",
    "on_codes",
    "params_limit",
    "pareto",
    "search",
    "size_limit",
]

logger = logging.getLogger(__name__)


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
        constraints: limits of `latency_limit`, `macs_limit`, `params_limit`, `memory_limit` and
            `size_limit`; a latency limit for each of several devices.
        options: how to search, and until when.
        progress: is shown the networks evaluated; None shows nothing.

    Returns:
        The network, with what is predicted of it. It was chosen for its predicted accuracy: expect
        less. Equal seeds give equal networks, unless `options.seconds` ends the search.

    Raises:
        InfeasibleError: no network meets the constraints; it names what comes nearest.
        InputError: an argument is wrong, or the accuracy function returned no n finite numbers.

    Example:
        >>> quick = SearchOptions(budget=300, patience=5)
        >>> deep = lambda archs: [0.5 + sum(arch.depths) / 100 for arch in archs]
        >>> found = search("tiny", deep, [macs_limit("1M")], quick)
        >>> found.macs <= 1_000_000
        True
    """
    given = _sequence(constraints)
    sources = [one.source for one in given if isinstance(one, LatencyLimit)]
    job = _prepared(space, accuracy, sources, options or SearchOptions())
    limits, others = job.constraints(given)
    started = time.monotonic()
    plan = plan_of(job.options, watcher_of(progress))
    found = job.run([*limits, *job.measured(), *others], plan)
    return SearchResult(found, job.origin(plan, given, time.monotonic() - started))


def pareto(  # noqa: PLR0913 - what is searched, its costs and limits, and how
    space: "str | os.PathLike[str] | SearchSpace | None",
    accuracy: Accuracy,
    latencies: Any,
    constraints: "Limit | Constraint | Sequence[Limit | Constraint]" = (),
    *,
    options: SearchOptions | None = None,
    progress: "Progress | Watcher | None" = None,
) -> Front:
    """Return networks of which none is both less accurate and slower than another.

    Args:
        space, accuracy, progress: as of `search`.
        latencies: one latency predictor or two (or their files): the front is of accuracy against
            their latencies. Or several limits of `latency_limit` on one device: the most accurate
            network within each.
        constraints: limits that every network meets, on other things than these latencies.
        options: how to search; `options.points` says how many networks.

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
    given, costs = _sequence(constraints), _sequence(latencies)
    options = options or SearchOptions()
    by_limit = [one for one in costs if isinstance(one, LatencyLimit)]
    if by_limit and len(by_limit) != len(costs):
        raise InputError("latencies are predictors, or limits on one device, not both: give one")
    sources = [by_limit[0].source] if by_limit else [latency_source(one) for one in costs]
    _check_front(by_limit, sources, options)
    job = _prepared(space, accuracy, sources, options)
    limits, others = job.constraints(given)
    rest = [*limits, *job.measured(), *others]
    started = time.monotonic()
    plan = plan_of(job.options, watcher_of(progress))
    if by_limit:
        found = [job.run([one, *rest], plan) for one in job.each_limit(by_limit)]
    else:
        found = job.run_front(rest, plan)
    origin = job.origin(plan, [*by_limit, *given], time.monotonic() - started)
    return Front((SearchResult(one, origin) for one in found), origin)


def _sequence(given: Any) -> list[Any]:
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def _check_front(
    by_limit: Sequence[LatencyLimit], sources: Sequence[LatencySource], options: SearchOptions
) -> None:
    """See that the latencies of a front are such as there can be."""
    from supernet.search.front import MOST_OBJECTIVES

    if len({one.source.key for one in by_limit}) > 1 or not 1 <= len(sources) <= MOST_OBJECTIVES:
        raise InputError(
            "a front is of accuracy against one latency predictor or two, or of limits on one, got "
            f"{len(by_limit) or len(sources)} latencies"
        )
    if not by_limit and options.strategy != SearchOptions().strategy:
        raise InputError(
            f"a front has a strategy of its own, got --strategy {options.strategy}: leave it out, "
            "or give --max-latency-ms for each network wanted"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is searched, with everything loaded and checked."""

    space: "SearchSpace"
    accuracy: "AccuracySource"
    sources: tuple[LatencySource, ...]
    resolutions: list[int]
    options: SearchOptions

    def constraints(self, given: Sequence[Any]) -> "tuple[list[Constraint], list[Constraint]]":
        """Return the limits on latencies, and those on all else."""
        from supernet.constraints.constraints import Constraint

        latencies: list[Constraint] = []
        others: list[Constraint] = []
        for one in given:
            if isinstance(one, Constraint):
                others.append(one)
            elif hasattr(one, "constraint"):
                found = others if not isinstance(one, LatencyLimit) else latencies
                found.append(one.constraint(self.space))
            else:
                raise InputError(
                    f"a constraint is {type(one).__name__} {one!r:.60}, expected limits as "
                    "latency_limit(predictor, 30) or macs_limit('300M')"
                )
        return latencies, others

    def measured(self) -> "list[Constraint]":
        """Return limits to networks whose latencies no predictor has to guess."""
        from supernet.constraints.constraints import measured

        if self.options.allow_extrapolated:
            return []
        found = (measured(self.space, source.predictor) for source in self.sources)
        return [one for one in found if one is not None]

    def each_limit(self, limits: Sequence[LatencyLimit]) -> "list[Constraint]":
        """Return limits on one latency, which is compiled once, the lowest first."""
        compiled: dict[tuple[float | None, float], Constraint] = {}
        found = []
        for one in sorted(limits, key=lambda one: one.max_ms):
            key = (one.confidence, one.session_spread)
            if key not in compiled:
                compiled[key] = one.constraint(self.space)
            found.append(replace(compiled[key], limit=one.max_ms))
        return found

    def run(self, limits: "Sequence[Constraint]", plan: "Plan") -> "FoundNetwork":
        """Search for one network."""
        from supernet.search.engine import search as search_network

        predict = self.accuracy.predict
        return search_network(self.space, predict, limits, seed=self.options.seed, plan=plan)

    def run_front(self, limits: "Sequence[Constraint]", plan: "Plan") -> "list[FoundNetwork]":
        """Search for the front of accuracy against all latencies."""
        from supernet.constraints.constraints import latency
        from supernet.search.front import search_front
        from supernet.search.problem import Objective, Problem

        most = math.nextafter(math.inf, 0)
        costs = [latency(self.space, source.predictor, most) for source in self.sources]
        problem = Problem(
            space=self.space,
            accuracy=self.accuracy.predict,
            constraints=tuple(limits),
            objectives=tuple(
                Objective(name=one.name, costs=one.costs, unit=one.unit) for one in costs
            ),
        )
        options = self.options
        return search_front(problem, seed=options.seed, points=options.points, plan=plan)

    def origin(self, plan: "Plan", given: Sequence[Any], seconds: float) -> SearchOrigin:
        """Return what the search was made with."""
        from latency_models.tables.storage import origin

        limits = [one for one in given if isinstance(one, LatencyLimit)]
        provenance = {
            **origin(),
            "budget": plan.budget.evaluations,
            "patience": plan.budget.patience,
            "confidence": next((one.confidence for one in limits if one.confidence), None),
            "session_spread": max((one.session_spread for one in limits), default=0.0),
            "accuracy": self.accuracy.to_json(),
            "latency": [source.to_json() for source in self.sources],
            "resolutions": self.resolutions,
            "seconds": round(seconds, 3),
        }
        return SearchOrigin(
            space=self.space,
            accuracy=self.accuracy,
            latencies=self.sources,
            provenance=provenance,
        )


def _prepared(
    space: "str | os.PathLike[str] | SearchSpace | None",
    accuracy: Accuracy,
    sources: Sequence[LatencySource],
    options: SearchOptions,
) -> _Job:
    """Load and check what is searched."""
    loaded = space_known_by(sources) if space is None else load_space(space)
    source = accuracy_of(accuracy, loaded)
    source.check_space(loaded)
    check_distinct(sources)
    label = os.fspath(accuracy) if isinstance(accuracy, str | os.PathLike) else "the predictor"
    resolutions = _resolutions(options, loaded, source, label)
    if resolutions:
        loaded = loaded.narrowed(resolutions)
        if isinstance(source, FunctionAccuracy):
            source = replace(source, space=loaded)
    return _Job(
        space=loaded,
        accuracy=source,
        sources=tuple(sources),
        resolutions=resolutions,
        options=options,
    )


def _resolutions(
    options: SearchOptions, space: "SearchSpace", accuracy: "AccuracySource", label: str
) -> list[int]:
    """Sizes to search alone, px: those of the options, or that the predictor knows; [] for all."""
    wanted = list(options.resolutions or space.resolutions)
    known = accuracy.known_resolutions(wanted)
    if len(known) < len(wanted):
        listed = ",".join(map(str, known))
        if options.resolutions:
            missing = next(size for size in wanted if size not in known)
            raise InputError(
                f"{label} predicts no accuracy at {missing} px; give --resolutions {listed}"
            )
        logger.warning("searching only at %s px, which %s knows", listed, label)
        return known
    return list(options.resolutions or ())
