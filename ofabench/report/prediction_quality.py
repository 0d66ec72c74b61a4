"""Predicted against measured networks, a section for each predictor with a networks table."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.charts.latency import predicted_against_measured
from bench.timing.session_drift import SessionDrift
from latency_models.evaluation.evaluate import (
    Evaluation,
    Repeatability,
)
from ofabench.charts.architecture_text import BREAK
from ofabench.report.held_out import HeldOut
from ofabench.report.inputs import Inputs
from ofabench.report.names import Names
from ofabench.report.page import Chart, Section
from ofabench.report.tables import Column, Table, milliseconds, percent, signed_percent


def prediction_sections(
    inputs: Inputs, names: Names, evaluated: Mapping[str, Mapping[str, HeldOut]]
) -> list[Section]:
    """A section for each predictor that was evaluated."""
    sections = []
    for number, (file, by_table) in enumerate(evaluated.items()):
        predictor = inputs.predictors[file]
        same = [p for f, p in inputs.predictors.items() if p.target == predictor.target]
        target = names.target(predictor.target.key)
        title = f"Predicted against measured{names.place(predictor.target.key)}"
        title += f", predictor {file}" if len(same) > 1 else ""
        sections.append(_section(title, target, by_table, number))
    return sections


def _section(title: str, target: str, by_table: Mapping[str, HeldOut], number: int) -> Section:
    count = sum(held_out.raw.n for held_out in by_table.values())
    extrapolated = sum(
        bool(count) for each in by_table.values() for count in each.pairs.extrapolated
    )
    text = (
        f"{count} held-out networks on {target}, measured by another process. On the line y = x a "
        "prediction is exact; the bands are 5 % and 10 % about the measurement. A predictor is "
        "worth what it adds to the baselines, and no prediction can be better than the "
        "measurement repeats itself."
    )
    if extrapolated:
        text += f" {extrapolated} networks have extrapolated blocks: open circles."
    for source, held_out in by_table.items():
        if held_out.drift is not None:
            text += f" {_drift_text(held_out.drift, source if len(by_table) > 1 else '')}"
    pairs = {_label(source, by_table): held_out.pairs for source, held_out in by_table.items()}
    figures = {"As measured (raw)": pairs}
    corrected = {
        _label(source, by_table): held_out.pairs.measured_as(held_out.corrected_ms)
        for source, held_out in by_table.items()
        if held_out.corrected_ms is not None
    }
    if corrected:
        figures["Drift-corrected"] = corrected
    return Section(
        title=title,
        text=text,
        charts=tuple(
            Chart(figure=predicted_against_measured(pairs), caption=caption)
            for caption, pairs in figures.items()
        ),
        tables=(_figures_table(by_table, number), _networks_table(by_table, number)),
        tables_first=False,
    )


def _label(source: str, by_table: Mapping[str, HeldOut]) -> str:
    """What the networks of a table are called in the legend."""
    return "held-out networks" if len(by_table) == 1 else f"held-out networks, {source}"


def _drift_text(drift: SessionDrift, source: str) -> str:
    of = f"of {source} " if source else ""
    text = f"Drift {of}since the predictor's sweep: {signed_percent(drift.ratio - 1)}"
    text += f", estimated from {drift.workloads} {drift.source}"
    if drift.applied:
        return f"{text}."
    return f"{text}; the estimates disagree, so that it is not corrected."


def _figures_table(by_table: Mapping[str, HeldOut], number: int) -> Table:
    """The predictor and its baselines, then how far the measurement itself repeats."""
    rows = [(source, each) for source, held_out in by_table.items() for each in held_out.baselines]
    ceilings = [
        (source, held_out.repeatability)
        for source, held_out in by_table.items()
        if held_out.repeatability is not None
    ]
    columns = [
        Column(
            name="predicted by",
            values=[*(each.name for _, each in rows), *("measurement repeated" for _ in ceilings)],
            text=True,
        ),
        Column(name="networks", values=[*(e.raw.n for _, e in rows), *(c.n for _, c in ceilings)]),
    ]
    if len(by_table) > 1:
        sources = [*(source for source, _ in rows), *(source for source, _ in ceilings)]
        columns.append(Column(name="table", values=sources, text=True))
    columns += _figure_columns("as measured", [each.raw for _, each in rows], ceilings)
    if any(each.corrected for _, each in rows):
        blank = [(source, None) for source, _ in ceilings]
        columns += _figure_columns("drift-corrected", [each.corrected for _, each in rows], blank)
    return Table(name=f"prediction-quality-{number + 1}", columns=tuple(columns))


def _figure_columns(
    group: str,
    evaluations: Sequence[Evaluation | None],
    ceilings: Sequence[tuple[str, Repeatability | None]],
) -> Iterator[Column]:
    """Columns of one kind of latency; the ceiling has the first two figures and a median."""
    shows = {
        "within 5 %": ("within_5", "within_5", percent),
        "within 10 %": ("within_10", "within_10", percent),
        "mean error": ("mape", "median", percent),
        "bias": ("bias", "", signed_percent),
        "rank correlation": ("spearman", "", "{:.3f}".format),
    }
    for name, (field, ceiling, show) in shows.items():
        values = [getattr(each, field, None) for each in evaluations]
        values += [getattr(limit, ceiling, None) if ceiling else None for _, limit in ceilings]
        yield Column(name=name, group=group, values=values, show=show)


def _networks_table(by_table: Mapping[str, HeldOut], number: int) -> Table:
    """Every network of the charts."""
    every = [*by_table.values()]
    measured = np.concatenate([each.pairs.measured_ms for each in every])
    predicted = np.concatenate([each.pairs.predicted_ms for each in every])
    nothing = [np.full(each.raw.n, np.nan) for each in every]
    corrected = np.concatenate(
        [
            blank if each.corrected_ms is None else each.corrected_ms
            for each, blank in zip(every, nothing, strict=True)
        ]
    )
    words = [text.replace(BREAK, "; ") for each in every for text in each.pairs.words]
    columns = [Column(name="predicted, ms", values=predicted.tolist(), show=milliseconds)]
    for group, ms in (("as measured", measured), ("drift-corrected", corrected)):
        if not np.isnan(ms).all():
            error = predicted / ms - 1
            columns += [
                Column(name="ms", group=group, values=ms.tolist(), show=milliseconds),
                Column(
                    name="prediction error", group=group, values=error.tolist(), show=signed_percent
                ),
            ]
    for name in ("p90", "p99"):
        values = np.concatenate(
            [
                each.percentiles_ms.get(name, blank)
                for each, blank in zip(every, nothing, strict=True)
            ]
        )
        if not np.isnan(values).all():
            columns.append(Column(name=f"{name}, ms", values=values.tolist(), show=milliseconds))
    columns.append(Column(name="architecture", values=words, text=True))
    return Table(
        name=f"held-out-networks-{number + 1}",
        columns=tuple(columns),
        summary=f"All {len(words)} networks",
    )
