"""Searches under limits with margins: with the selection effect, and what the margins cost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ofabench.workflows.search.job import SearchJob
from ofabench.workflows.search.limits import LatencyLimit
from ofabench.workflows.search.margin_report import MarginReport

if TYPE_CHECKING:
    from supernet.constraints.constraints import Constraint
    from supernet.search.engine import SearchPlan
    from supernet.search.engine import SearchResult as FoundNetwork


def search_with_margins(
    job: SearchJob,
    limits: Sequence[LatencyLimit],
    others: "Sequence[Constraint]",
    plan: "SearchPlan",
) -> "tuple[FoundNetwork, tuple[MarginReport, ...]]":
    """Search for a network; where limits have margins, also without, to say what they cost.

    Both searches share the seconds of the plan.
    """
    if all(limit.confidence is None for limit in limits):
        return job.run([*map(job.limit, limits), *others], plan), ()
    plan = replace(plan, budget=replace(plan.budget, seconds=plan.budget.seconds / 2))
    without = job.run([*(job.limit(one.plain) for one in limits), *others], plan)
    kept = _with_selection(job, limits, others)
    found = job.run([*map(job.limit, kept), *others], plan)
    reports = [
        _report(job, limit, found, without.accuracy)
        for limit in kept
        if limit.confidence is not None
    ]
    return found, tuple(reports)


def _with_selection(
    job: SearchJob, limits: Sequence[LatencyLimit], others: "Sequence[Constraint]"
) -> list[LatencyLimit]:
    """Return the limits, with the selection effect in the margins of those that have one."""
    from supernet.search.selection import selection_effect

    compiled = [job.limit(limit) for limit in limits]

    def widened(place: int, limit: LatencyLimit) -> LatencyLimit:
        if limit.confidence is None:
            return limit
        effect = selection_effect(
            job.space,
            job.accuracy.predict,
            compiled[place],
            [*compiled[:place], *compiled[place + 1 :], *others],
            limit.source.predictor,
            seed=job.options.seed,
        )
        return replace(limit, selection=effect.log_mean)

    return [widened(place, limit) for place, limit in enumerate(limits)]


def _report(
    job: SearchJob, limit: LatencyLimit, found: "FoundNetwork", accuracy_without: float
) -> MarginReport:
    margin = limit.margin
    assert margin is not None
    prediction = limit.source.predictor.predict(job.space.blocks(found.arch))
    return MarginReport(
        target=limit.source.key,
        confidence=margin.confidence,
        horizon_s=margin.horizon_s,
        limit_on=margin.limit_on,
        session_spread=margin.session_spread,
        parts=margin.parts(prediction.std_ms / prediction.ms),
        sessions=margin.model.sessions,
        span_s=margin.model.span_s,
        accuracy_without=accuracy_without,
    )
