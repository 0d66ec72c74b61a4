"""Samples over time: a sweep's drift, its disturbances, and the residuals of its blocks."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from ofabench.report.drift import Drift, read_drift
from ofabench.report.figures import COLOURS, finish
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section, plain

MOST_DRAWN = 4  # sweeps; of more, the longest
MOST_POINTS = 600  # passes drawn of a sweep; more are drawn by their quantiles
HEIGHT_PX = 620
BAND = "rgba(51,102,204,{:.2f})"
Numbers = NDArray[np.float64]


def sample_sections(inputs: Inputs) -> list[Section]:
    """A table of all sweeps, and a picture of each of the longest."""
    drifts = {name: read_drift(path) for name, path in inputs.sweeps.items()}
    found = {name: one for name, one in drifts.items() if one is not None}
    if not found:
        return []
    longest = sorted(found, key=lambda name: -len(found[name]))[:MOST_DRAWN]
    sections = [_section(name, found[name]) for name in found if name in longest]
    if len(found) > 1:
        sections.insert(0, _overview(found, len(sections)))
    return sections


def drift_figure(drift: Drift) -> go.Figure:
    """Three panels over passes: levels, visits taken again, residuals' quantiles."""
    bins = bins_of(drift.load, MOST_POINTS)
    at = np.array([some[0] for some in bins]) + 1

    def each(values: Numbers, how: Callable[[Numbers], object] = np.median) -> Numbers:
        return np.array([how(values[some]) for some in bins], dtype=np.float32)

    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.45, 0.17, 0.38],
    )
    hover = [_hover(drift, some) for some in bins]
    for name, values, colour, width in (
        ("compute reference", drift.compute, COLOURS[2], 1),
        ("memory reference", drift.memory, COLOURS[5], 1),
        ("drift", drift.level, COLOURS[0], 2),
    ):
        if not np.isnan(values).all():
            line = go.Scatter(
                x=at,
                y=each(values - 1),
                name=name,
                text=hover,
                mode="lines",
                line={"color": colour, "width": width},
                hovertemplate="%{y:+.1%}, %{text}<extra></extra>",
            )
            figure.add_trace(line, row=1, col=1)
    marks = [i for i, some in enumerate(bins) if drift.marked[some].any()]
    crosses = go.Scatter(
        x=at[marks],
        y=each(drift.level - 1)[marks],
        text=[hover[i] for i in marks],
        mode="markers",
        name="disturbed: references disagree",
        marker={"symbol": "x", "color": COLOURS[1], "size": 8},
        hovertemplate="disturbed, %{text}<extra></extra>",
    )
    figure.add_trace(crosses, row=1, col=1)
    for name, counts, colour in (
        ("bursts repeated", drift.retaken, COLOURS[6]),
        ("still disturbed", drift.disturbed, COLOURS[4]),
    ):
        bars = go.Bar(
            x=at,
            y=each(counts.astype(float), np.sum),
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="%{y} " + name + "<extra></extra>",
        )
        figure.add_trace(bars, row=2, col=1)
    _add_residuals(figure, at, np.stack([each(column) for column in drift.residual.T]))
    return _finish(figure, drift)


def bins_of(load: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Runs of neighbouring passes of one load, about `most` of them in all; each pass in one."""
    length = max(1, -(-len(load) // most))
    found = []
    for number in np.unique(load):
        places = np.flatnonzero(load == number)
        found += [places[start : start + length] for start in range(0, len(places), length)]
    return found


def _add_residuals(figure: go.Figure, at: Numbers, quantiles: Numbers) -> None:
    """Bands of `QUANTILES` (5, n) and their median."""
    for low, high, name, shade in (
        (0, 4, "90 % of blocks and networks", BAND.format(0.15)),
        (1, 3, "half of them", BAND.format(0.35)),
    ):
        band = go.Scatter(
            x=np.r_[at, at[::-1]],
            y=np.r_[quantiles[low], quantiles[high][::-1]],
            fill="toself",
            fillcolor=shade,
            line={"width": 0},
            mode="lines",
            name=name,
            hoverinfo="skip",
        )
        figure.add_trace(band, row=3, col=1)
    middle = go.Scatter(
        x=at,
        y=quantiles[2],
        customdata=quantiles[[0, 4]].T,
        mode="lines",
        name="their median",
        line={"color": COLOURS[0], "width": 1},
        hovertemplate="round %{x}: median %{y:+.2%}, 90 %% from %{customdata[0]:+.1%} to "
        "%{customdata[1]:+.1%}<extra></extra>".replace("%%", "%"),
    )
    figure.add_trace(middle, row=3, col=1)


def _finish(figure: go.Figure, drift: Drift) -> go.Figure:
    figure = finish(figure, "", "")
    figure.update_xaxes(title_text="round, in the order of measuring", row=3, col=1)
    figure.update_xaxes(title_text=None, row=1, col=1)
    figure.update_yaxes(title_text="slower by", tickformat="+.0%", row=1, col=1)
    figure.update_yaxes(title_text="bursts", rangemode="tozero", row=2, col=1)
    figure.update_yaxes(title_text="off own median", tickformat="+.0%", row=3, col=1)
    starts = np.flatnonzero(np.r_[True, np.diff(drift.load) != 0])
    ends = np.r_[starts[1:], len(drift)]
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if i % 2:  # every other load is shaded
            figure.add_vrect(
                x0=start + 0.5, x1=end + 0.5, fillcolor="#8891a5", opacity=0.1, line_width=0
            )
    figure.update_layout(height=HEIGHT_PX, barmode="stack", bargap=0)
    return figure


def _hover(drift: Drift, some: NDArray[np.int64]) -> str:
    first, last = int(some[0]), int(some[-1])
    rounds = f"round {first + 1}" if first == last else f"rounds {first + 1} to {last + 1}"
    when = drift.taken_at[first][:19].replace("T", " ")
    return plain(f"{rounds}, replicate {drift.load[first] + 1}, group {drift.group[first]}, {when}")


def _section(name: str, drift: Drift) -> Section:
    spread = np.median(drift.residual[:, 4] - drift.residual[:, 0]) / 2
    text = (
        f"{name}: {len(drift)} rounds in {int(drift.load[-1]) + 1} replicates (alternately "
        "shaded). Top: the drift of the whole machine in each round, and that of the two reference "
        f"workloads; in {int(drift.marked.sum())} disturbed rounds these disagree. "
        f"Middle: {int(drift.retaken.sum())} bursts repeated because they were disturbed, "
        f"{int(drift.disturbed.sum())} still disturbed then. Bottom: drift-corrected deviations of "
        f"blocks and networks from their medians (90 % within ±{spread:.1%} in the median round)."
    )
    if len(drift) > MOST_POINTS:
        text += f" Neighbouring rounds are drawn as medians, {MOST_POINTS} points in all."
    return Section(title=f"Samples over time: {name}", text=text, figure=drift_figure(drift))


def _overview(found: dict[str, Drift], drawn: int) -> Section:
    rows = [
        {
            "sweep": name,
            "replicates": int(one.load[-1]) + 1,
            "rounds": len(one),
            "disturbed": int(one.marked.sum()),
            "bursts": one.visits,
            "repeated": int(one.retaken.sum()),
            "still disturbed": int(one.disturbed.sum()),
            "drift, lowest": f"{one.level.min() - 1:+.1%}",
            "drift, highest": f"{one.level.max() - 1:+.1%}",
            "90 % of residuals within": f"±{np.median(np.ptp(one.residual, axis=1)) / 2:.1%}",
        }
        for name, one in found.items()
    ]
    more = "" if drawn == len(found) else f" The {drawn} longest are drawn below."
    return Section(
        title="Sweeps",
        text=f"How quiet the machines were while the samples were taken.{more}",
        table=pd.DataFrame(rows),
    )
