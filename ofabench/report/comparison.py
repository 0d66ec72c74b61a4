"""Two latency tables compared, as a page."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bench.charts.look import COLOURS, MUTED, colours, finish, plain
from latency_models.evaluation.compare import Comparison
from ofabench.report.page import Chart, Page, Section, render
from ofabench.report.tables import Column, Table, table_of_rows
from ofabench.workflows.latency.comparison_text import (
    AS_PERCENT,
    factor,
    interval,
    rows_of,
    verdict,
)

MOST_LISTED = 200


def render_comparison(comparison: Comparison, names: tuple[str, str]) -> str:
    """Return the comparison of two latency tables as an HTML page."""
    lead = f"A is {names[0]}, {comparison.first.key}. B is {names[1]}, {comparison.second.key}. "
    differences = comparison.differences()
    if differences:
        lead += f"The targets differ in {'; '.join(differences)}. "
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = Page(
        title=f"Two tables: {names[0]} and {names[1]}",
        lead=lead,
        sections=[*_sections(comparison)],
        foot=f"Made by ofabench on {now}.",
    )
    return render(page)


def _sections(comparison: Comparison) -> Iterator[Section]:
    yield Section(
        title="Verdict",
        text=f"{verdict(comparison)[:1].upper()}{verdict(comparison)[1:]}.",
        tables=(_summary(comparison),),
    )
    chance = (
        f"{comparison.outside} of {comparison.tested} blocks lie outside their 95 % intervals, "
        f"{comparison.expected:.0f} would by chance; {len(comparison.moved)} changed "
        "significantly (filled; at a false discovery rate of 5 %)."
        if comparison.tested
        else "No intervals from replicates: significant changes cannot be detected."
    )
    yield Section(
        title="Ratio by block",
        text="Latency in B over latency in A, against latency in A. The line is the drift. "
        + chance,
        charts=(Chart(figure=ratio_figure(comparison)),),
    )
    yield Section(
        title="Drift-corrected, by kind of block",
        text="Median drift-corrected ratio of each kind; bars are 95 % intervals "
        "of the median, where there are six blocks or more.",
        charts=(Chart(figure=kinds_figure(comparison)),),
    )
    if len(comparison.moved):
        few = f" The first {MOST_LISTED} are listed." if len(comparison.moved) > MOST_LISTED else ""
        yield Section(
            title="Blocks that changed",
            text=f"The largest change first.{few}",
            tables=(_listed(comparison.moved.head(MOST_LISTED)),),
        )
    for name, only in (("A", comparison.only_first), ("B", comparison.only_second)):
        if only:
            yield Section(
                title=f"Blocks only in {name}",
                text=f"{len(only)} blocks that the other table lacks.",
                tables=(
                    Table(
                        name=f"blocks-only-in-{name}",
                        columns=(Column(name="block", values=only[:MOST_LISTED], text=True),),
                    ),
                ),
            )


def ratio_figure(comparison: Comparison) -> go.Figure:
    """Return the ratio over latency, a colour for each kind; open if not significant."""
    figure = go.Figure()
    for colour, (kind, rows) in zip(colours(), comparison.blocks.groupby("kind"), strict=False):
        dots = go.Scatter(
            x=rows["first_ms"],
            y=rows["ratio"],
            mode="markers",
            name=plain(kind),
            marker={
                "color": colour,
                "size": 7,
                "symbol": np.where(rows["moved"], "circle", "circle-open").tolist(),
            },
            text=[_hover(row) for row in rows_of(rows)],
            hovertemplate="%{text}<extra></extra>",
        )
        figure.add_trace(dots)
    level = comparison.drift.ratio
    figure.add_hline(y=level, line={"color": MUTED, "width": 1.5})
    finish(figure, "latency in A, ms", "B over A")
    figure.update_xaxes(type="log", nticks=6)
    if max(comparison.blocks["ratio"]) > AS_PERCENT**2 * min(comparison.blocks["ratio"]):
        figure.update_yaxes(type="log")
    return figure


def kinds_figure(comparison: Comparison) -> go.Figure:
    """Return a dot for each kind of block, with the interval of its median."""
    kinds = list(comparison.kinds.items())[::-1]
    moves = [move for _, move in kinds]
    dots = go.Scatter(
        x=[move.ratio - 1 for move in moves],
        y=[kind for kind, _ in kinds],
        error_x={
            "array": [_width(move.high - move.ratio) for move in moves],
            "arrayminus": [_width(move.ratio - move.low) for move in moves],
        },
        mode="markers",
        marker={"size": 10, "color": COLOURS[0]},
        text=[f"{m.blocks} blocks, {factor(m.ratio)}{interval(m)}" for m in moves],
        hovertemplate="%{y}: %{text}<extra></extra>",
        showlegend=False,
    )
    figure = finish(go.Figure(dots), "drift-corrected change", "")
    figure.add_vline(x=0, line={"color": MUTED, "width": 1})
    figure.update_xaxes(tickformat="+.0%")
    figure.update_yaxes(automargin=True, title_text=None)
    return figure.update_layout(height=130 + 36 * len(kinds))


def _hover(row: Any) -> str:
    text = f"{row.key}<br>{row.first_ms:.4g} to {row.second_ms:.4g} ms: {factor(row.ratio)}"
    text += f"<br>drift-corrected {factor(row.beside)}"
    if not math.isnan(row.low):
        text += f", by chance {factor(row.low)} to {factor(row.high)}"
    return text


def _summary(comparison: Comparison) -> Table:
    outside = f"{comparison.outside} ({comparison.expected:.0f} expected by chance)"
    references = "-" if comparison.references is None else factor(comparison.references)
    rows = {
        "drift, B over A": f"{factor(comparison.drift.ratio)}{interval(comparison.drift)}",
        "reference workloads, B over A": references,
        "blocks in common": str(len(comparison.blocks)),
        "outside their intervals": outside,
        "changed significantly": str(len(comparison.moved)),
        "only in A, only in B": f"{len(comparison.only_first)}, {len(comparison.only_second)}",
    }
    columns = (
        Column(name="figure", values=[*rows], text=True),
        Column(name="value", values=[*rows.values()], text=True),
    )
    return Table(name="comparison", columns=columns)


def _listed(moved: pd.DataFrame) -> Table:
    rows = [
        {
            "block": row.key,
            "A, ms": f"{row.first_ms:.4g}",
            "B, ms": f"{row.second_ms:.4g}",
            "B over A": factor(row.ratio),
            "drift-corrected": factor(row.beside),
            "by chance": f"{factor(row.low)} to {factor(row.high)}",
        }
        for row in rows_of(moved)
    ]
    return table_of_rows("changed-blocks", rows)


def _width(value: float) -> float:
    return 0.0 if math.isnan(value) else max(value, 0.0)
