"""Measured networks in a report: verdicts, and what was deployed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.timing.session_drift import SessionDrift
from bench.timing.statistic import MEDIAN
from ofabench.report.inputs import Inputs
from ofabench.report.names import Names
from ofabench.report.outcome import Outcome, counts_of, in_order
from ofabench.report.page import Section
from ofabench.report.tables import (
    Column,
    Table,
    interval_columns,
    met,
    milliseconds,
    percent,
    signed_percent,
)
from supernet.verification.energy import JudgedEnergy
from supernet.verification.verdicts import JudgedLatency

TEXT = (
    "Raw latency, as a user will have it, decides whether a limit is met. The drift-corrected "
    "latency is on the scale of the predictor's sweep; where the estimates of drift agree, it "
    "decides whether a prediction is within tolerance."
)


def verdict_sections(inputs: Inputs, names: Names) -> list[Section]:
    """The verdicts of every measured network; none where nothing was measured."""
    files = {id(outcome): file for file, outcome in inputs.outcomes.items()}
    outcomes = in_order([*inputs.outcomes.values()])
    if not outcomes:
        return []
    labels = [names.outcomes[files[id(outcome)]] for outcome in outcomes]
    counts = counts_of(outcomes)
    return [
        Section(
            title="Measured networks",
            text=f"{counts[:1].upper()}{counts[1:]}. {TEXT}",
            tables=(verdict_table(outcomes, labels, names), *detail_tables(outcomes, labels)),
        )
    ]


def verdict_table(outcomes: Sequence[Outcome], labels: Sequence[str], names: Names) -> Table:
    """One row per network: prediction, both latencies with their verdicts, percentiles."""
    verified = [outcome.verification for outcome in outcomes]
    columns = [
        Column(name="network", values=labels, text=True),
        Column(name="limit, ms", values=[each.limit_ms for each in outcomes], show=milliseconds),
        Column(
            name="predicted, ms", values=[each.predicted_ms for each in outcomes], show=milliseconds
        ),
        *_figures("as measured", [each.measured for each in verified]),
    ]
    if any(each.drift_corrected for each in verified):
        corrected = [each.drift_corrected for each in verified]
        columns += _figures("drift-corrected", corrected, limits=False)
    for name in ("p90", "p99"):
        values = [getattr(each.tail, f"{name}_ms", None) for each in verified]
        if any(value is not None for value in values):
            columns.append(Column(name=f"{name}, ms", values=values, show=milliseconds))
    if any(each.energy is not None for each in outcomes):
        columns += _energy(outcomes)
    if any(each.accuracy is not None for each in outcomes):
        columns += _accuracy(outcomes)
    if len({each.target for each in outcomes}) > 1:
        targets = [names.target(each.target) for each in outcomes]
        columns.insert(1, Column(name="target", values=targets, text=True))
    return Table(name="measured-networks", columns=tuple(columns))


def detail_tables(outcomes: Sequence[Outcome], labels: Sequence[str]) -> tuple[Table, ...]:
    """Drift of each measurement, repeats and what was extrapolated; none without any of it."""
    details = tuple(_details(outcomes))
    if not details:
        return ()
    network = Column(name="network", values=labels, text=True)
    summary = "Drift of each measurement" + (", and repeats" if len(details) > 2 else "")
    return (Table(name="measured-drift", columns=(network, *details), summary=summary),)


def _figures(
    group: str, figures: Sequence[JudgedLatency | None], *, limits: bool = True
) -> Iterator[Column]:
    """Columns of one latency: the figure, its interval, the prediction's error, the limit.

    Without `limits`, verdicts on limits are only in the downloads.
    """

    def each(name: str) -> list[Any]:
        return [getattr(figure, name, None) for figure in figures]

    yield Column(name="ms", group=group, values=each("ms"), show=milliseconds)
    yield from interval_columns(group, each("low_ms"), each("high_ms"), milliseconds)
    yield Column(
        name="over prediction",
        group=group,
        values=each("error"),
        show=signed_percent,
        verdicts=each("within_tolerance"),
    )
    if any(value is not None for value in each("limit_met")):
        met_or_not = each("limit_met")
        yield Column(
            name="limit",
            group=group,
            values=met_or_not,
            show=met,
            verdicts=met_or_not,
            where="both" if limits else "file",
        )


def _energy(outcomes: Sequence[Outcome]) -> Iterator[Column]:
    """Columns of the energy of an inference, its limit, and peak memory."""
    group = "energy"
    judged = [outcome.energy or JudgedEnergy() for outcome in outcomes]
    energies = [each.energy for each in judged]
    yield Column(
        name="mJ", group=group, values=[each.energy_mj for each in energies], show=milliseconds
    )
    low, high = (
        [None if math.isnan(end) else end for end in ends]
        for ends in zip(*((each.low_mj, each.high_mj) for each in energies), strict=True)
    )
    yield from interval_columns(group, low, high, milliseconds)
    with_idle = [each.with_idle_mj for each in energies]
    yield Column(name="with idle power, mJ", group=group, values=with_idle, show=milliseconds)
    if any(each.limit_mj is not None for each in judged):
        limits, verdicts = [each.limit_mj for each in judged], [each.limit_met for each in judged]
        yield Column(name="limit, mJ", group=group, values=limits, show=milliseconds)
        yield Column(name="limit", group=group, values=verdicts, show=met, verdicts=verdicts)
    memory = [each.peak_memory_bytes for each in energies]
    if any(value is not None for value in memory):
        yield Column(name="peak memory, bytes", values=memory, show=lambda value: f"{value:,}")


def _accuracy(outcomes: Sequence[Outcome]) -> Iterator[Column]:
    group = "test images"
    ends = [each.accuracy_interval or (None, None) for each in outcomes]
    accuracies = [each.accuracy for each in outcomes]
    yield Column(name="accuracy", group=group, values=accuracies, show=percent)
    low, high = [low for low, _ in ends], [high for _, high in ends]
    yield from interval_columns(group, low, high, percent)


def _details(outcomes: Sequence[Outcome]) -> Iterator[Column]:
    """Columns that are there only where some network has something to say in them."""
    verified = [outcome.verification for outcome in outcomes]
    if any(each.drift for each in verified):
        drifts = [each.drift for each in verified]
        ratios = [None if drift is None else drift.ratio - 1 for drift in drifts]
        yield Column(name="size", group="drift", values=ratios, show=signed_percent)
        yield Column(
            name="estimated from", group="drift", values=[*map(_source, drifts)], text=True
        )
    if any(outcome.repeats for outcome in outcomes):
        repeats = [
            ", ".join(milliseconds(each.measured.ms) for each in outcome.repeats) or None
            for outcome in outcomes
        ]
        yield Column(name="repeated, ms", values=repeats)
    if any(each.expected.statistic != MEDIAN for each in verified):
        statistics = [each.expected.statistic for each in verified]
        yield Column(name="judged by", values=statistics, text=True)
    if any(outcome.extrapolated for outcome in outcomes):
        yield Column(
            name="extrapolated blocks", values=[outcome.extrapolated for outcome in outcomes]
        )


def _source(drift: SessionDrift | None) -> str | None:
    if drift is None:
        return None
    source = f"{drift.workloads} {drift.source}{' (weak)' if drift.weak else ''}"
    return source if drift.applied else f"{source}, not corrected"


def deployment_sections(inputs: Inputs) -> list[Section]:
    """What each deployment is; none where none was given."""
    return [
        Section(
            title="Deployed model" if len(inputs.deployments) == 1 else f"Deployed model: {name}",
            text="From the card of the deployment.",
            tables=(facts_table("deployment", deployment.facts),),
        )
        for name, deployment in inputs.deployments.items()
    ]


def facts_table(name: str, facts: Mapping[str, Any]) -> Table:
    """Facts in two columns."""
    columns = (
        Column(name="fact", values=[*facts], text=True),
        Column(name="value", values=[*facts.values()], text=True),
    )
    return Table(name=name, columns=columns)
