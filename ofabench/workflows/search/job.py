"""A search job: everything loaded and checked, and the options of the search."""

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from ofabench.options.search import SearchOptions
from ofabench.workflows.search.accuracies import Accuracy, FunctionAccuracy, accuracy_of
from ofabench.workflows.search.latencies import (
    MILLISECONDS,
    LatencySource,
    check_distinct,
    space_known_by,
)
from ofabench.workflows.search.limits import LatencyLimit
from ofabench.workflows.search.precisions import warn_of_other_precision
from ofabench.workflows.search.result import SearchOrigin
from ofabench.workflows.space import load_space

if TYPE_CHECKING:
    from supernet.accuracy.source import AccuracySource
    from supernet.constraints.constraints import CompiledLatency, Constraint
    from supernet.search.engine import SearchPlan
    from supernet.search.engine import SearchResult as SearchOutcome
    from supernet.space.space import SearchSpace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchJob:
    """Inputs of a search, loaded and checked."""

    space: "SearchSpace"
    accuracy: "AccuracySource"
    sources: tuple[LatencySource, ...]
    resolutions: list[int]
    options: SearchOptions
    compiled: "dict[str, CompiledLatency]" = field(default_factory=dict, repr=False, compare=False)

    def constraints(
        self, constraints: Sequence[Any]
    ) -> "tuple[list[LatencyLimit], list[Constraint]]":
        """Return the limits on latencies, and all other limits compiled."""
        from supernet.constraints.constraints import Constraint

        latencies: list[LatencyLimit] = []
        others: list[Constraint] = []
        for constraint in constraints:
            if isinstance(constraint, Constraint):
                others.append(constraint)
            elif isinstance(constraint, LatencyLimit):
                latencies.append(constraint)
            elif hasattr(constraint, "constraint"):
                others.append(constraint.constraint(self.space))
            else:
                raise InputError(
                    f"a constraint is {type(constraint).__name__} {constraint!r:.60}, expected "
                    "limits as "
                    "latency_limit(predictor, 30) or macs_limit('300M')"
                )
        return latencies, others

    def limit(self, limit: LatencyLimit) -> "Constraint":
        """Return a limit on encoded networks; each predictor is compiled once."""
        from supernet.constraints.constraints import CompiledLatency

        source = limit.source
        if source.key not in self.compiled:
            self.compiled[source.key] = CompiledLatency.of(
                self.space, source.predictor, name=source.key, unit=source.unit
            )
        return self.compiled[source.key].limit(limit.max_ms, limit.margin)

    def measured(self) -> "list[Constraint]":
        """Return constraints that exclude networks with extrapolated latencies."""
        from supernet.constraints.constraints import without_extrapolation

        if self.options.allow_extrapolated:
            return []
        constraints = (
            without_extrapolation(self.space, source.predictor, source.key)
            for source in self.sources
        )
        return [constraint for constraint in constraints if constraint is not None]

    def run(self, limits: "Sequence[Constraint]", plan: "SearchPlan") -> "SearchOutcome":
        """Search for one network."""
        from supernet.search.engine import search as search_network

        predict = self.accuracy.predict
        return search_network(self.space, predict, limits, seed=self.options.seed, plan=plan)

    def run_front(
        self,
        objectives: Sequence[LatencySource],
        limits: "Sequence[Constraint]",
        plan: "SearchPlan",
    ) -> "list[SearchOutcome]":
        """Search for the front of accuracy against latencies."""
        from supernet.constraints.constraints import latency
        from supernet.search.front import search_front
        from supernet.search.problem import Objective, Problem

        no_limit = math.nextafter(math.inf, 0)
        costs = [latency(self.space, source.predictor, no_limit) for source in objectives]
        problem = Problem(
            space=self.space,
            accuracy=self.accuracy.predict,
            constraints=tuple(limits),
            objectives=tuple(
                Objective(name=cost.name, costs=cost.costs, unit=cost.unit) for cost in costs
            ),
        )
        options = self.options
        return search_front(problem, seed=options.seed, points=options.points, plan=plan)

    def origin(
        self, plan: "SearchPlan", constraints: Sequence[Any], seconds: float
    ) -> SearchOrigin:
        """Return the inputs of the search and their provenance."""
        from latency_models.tables.storage import origin

        limits = [limit for limit in constraints if isinstance(limit, LatencyLimit)]
        latencies = tuple(source for source in self.sources if source.unit == MILLISECONDS)
        energies = tuple(source for source in self.sources if source.unit != MILLISECONDS)
        provenance = {
            **origin(),
            "budget": plan.budget.evaluations,
            "patience": plan.budget.patience,
            "confidence": next((limit.confidence for limit in limits if limit.confidence), None),
            "horizon_s": next((limit.horizon_s for limit in limits if limit.confidence), None),
            "limit_on": next((limit.limit_on for limit in limits if limit.confidence), None),
            "session_spread": next(
                (limit.session_spread for limit in limits if limit.confidence), None
            ),
            "accuracy": self.accuracy.to_json(),
            "latency": [source.to_json() for source in latencies],
            **({"energy": [source.to_json() for source in energies]} if energies else {}),
            "resolutions": self.resolutions,
            "seconds": round(seconds, 3),
        }
        return SearchOrigin(
            space=self.space,
            accuracy=self.accuracy,
            latencies=latencies,
            energies=energies,
            provenance=provenance,
        )


def prepared(
    space: "str | os.PathLike[str] | SearchSpace | None",
    accuracy: Accuracy,
    sources: Sequence[LatencySource],
    options: SearchOptions,
) -> SearchJob:
    """Load and check the inputs of a search."""
    loaded = space_known_by(sources) if space is None else load_space(space)
    source = accuracy_of(accuracy, loaded)
    source.check_space(loaded)
    check_distinct(sources)
    warn_of_other_precision(source, sources)
    label = os.fspath(accuracy) if isinstance(accuracy, str | os.PathLike) else "the predictor"
    resolutions = _resolutions(options, loaded, source, label)
    if resolutions:
        loaded = loaded.with_resolutions(resolutions)
        if isinstance(source, FunctionAccuracy):
            source = replace(source, space=loaded)
    return SearchJob(
        space=loaded,
        accuracy=source,
        sources=tuple(sources),
        resolutions=resolutions,
        options=options,
    )


def _resolutions(
    options: SearchOptions, space: "SearchSpace", accuracy: "AccuracySource", label: str
) -> list[int]:
    """Resolutions to search, px: from the options or known to the predictor; [] for all."""
    requested = list(options.resolutions or space.resolutions)
    known = accuracy.known_resolutions(requested)
    if len(known) < len(requested):
        listed = ",".join(map(str, known))
        if options.resolutions:
            missing = next(size for size in requested if size not in known)
            raise InputError(
                f"{label} predicts no accuracy at {missing} px; give --resolutions {listed}"
            )
        logger.warning("searching only at %s px, which %s knows", listed, label)
        return known
    return list(options.resolutions or ())
