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
    """Search for a network; if limits have margins, also without them, to know their cost.

    Both searches share the seconds of the plan.
    """
    if all(limit.confidence is None for limit in limits):
        return job.run([*map(job.limit, limits), *others], plan), ()
    plan = replace(plan, budget=replace(plan.budget, seconds=plan.budget.seconds / 2))
    without = job.run([*(job.limit(limit.plain) for limit in limits), *others], plan)
    widened = _with_selection(job, limits, others)
    network = job.run([*map(job.limit, widened), *others], plan)
    reports = [
        _report(job, limit, network, without.accuracy)
        for limit in widened
        if limit.confidence is not None
    ]
    return network, tuple(reports)


def _with_selection(
    job: SearchJob, limits: Sequence[LatencyLimit], others: "Sequence[Constraint]"
) -> list[LatencyLimit]:
    """Return the limits with the selection effect added to their margins."""
    from supernet.search.selection import selection_effect

    compiled = [job.limit(limit) for limit in limits]

    def widened(index: int, limit: LatencyLimit) -> LatencyLimit:
        if limit.confidence is None:
            return limit
        effect = selection_effect(
            job.space,
            job.accuracy.predict,
            compiled[index],
            [*compiled[:index], *compiled[index + 1 :], *others],
            limit.source.predictor,
            seed=job.options.seed,
        )
        return replace(limit, selection=effect.log_mean)

    return [widened(index, limit) for index, limit in enumerate(limits)]


def _report(
    job: SearchJob, limit: LatencyLimit, network: "FoundNetwork", accuracy_without: float
) -> MarginReport:
    margin = limit.margin
    assert margin is not None
    prediction = limit.source.predictor.predict(job.space.blocks(network.arch))
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
        unit=limit.source.unit,
    )
