"""A sweep's samples over time: drift, disturbed bursts, and what is left of the scatter."""

from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bench.charts.look import BAND, COLOURS, finish, plain
from bench.sweep.sweep_samples import SweepSamples

MOST_POINTS = 600  # rounds drawn of a sweep; more are drawn by their medians
HEIGHT_PX = 620
Numbers = NDArray[np.float64]


def drift_figure(samples: SweepSamples) -> go.Figure:
    """Three panels over rounds: drift, disturbed bursts, quantiles of residuals."""
    bins = bins_of(samples.replicate, MOST_POINTS)
    at = np.array([rounds[0] for rounds in bins]) + 1

    def each(values: Numbers, how: Callable[[Numbers], object] = np.median) -> Numbers:
        return np.array([how(values[rounds]) for rounds in bins], dtype=np.float32)

    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.45, 0.17, 0.38],
    )
    hover = [_hover(samples, rounds) for rounds in bins]
    for name, values, colour, width in (
        ("reference, compute-bound", samples.compute, COLOURS[1], 1),
        ("reference, memory-bound", samples.memory, COLOURS[2], 1),
        ("drift", samples.drift, COLOURS[0], 2),
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
    marks = [i for i, rounds in enumerate(bins) if samples.disagrees[rounds].any()]
    crosses = go.Scatter(
        x=at[marks],
        y=each(samples.drift - 1)[marks],
        text=[hover[i] for i in marks],
        mode="markers",
        name="disturbed round: references disagree",
        marker={"symbol": "x", "color": COLOURS[7], "size": 8},
        hovertemplate="disturbed, %{text}<extra></extra>",
    )
    figure.add_trace(crosses, row=1, col=1)
    for name, counts, colour in (
        ("bursts repeated", samples.repeated, COLOURS[6]),
        ("still disturbed", samples.disturbed, COLOURS[4]),
    ):
        bars = go.Bar(
            x=at,
            y=each(counts.astype(float), np.sum),
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="%{y} " + name + "<extra></extra>",
        )
        figure.add_trace(bars, row=2, col=1)
    _add_residuals(figure, at, np.stack([each(column) for column in samples.residual.T]))
    return _finish(figure, samples)


def bins_of(replicate: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Neighbouring rounds of one replicate in about `most` bins; each round is in one."""
    length = max(1, -(-len(replicate) // most))
    bins = []
    for number in np.unique(replicate):
        places = np.flatnonzero(replicate == number)
        bins += [places[start : start + length] for start in range(0, len(places), length)]
    return bins


def _add_residuals(figure: go.Figure, at: Numbers, quantiles: Numbers) -> None:
    """Bands of `QUANTILES` (5, n) and their median."""
    for low, high, name, shade in (
        (0, 4, "90 % of blocks and networks", BAND.format(0.15)),
        (1, 3, "50 % of them", BAND.format(0.35)),
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
        name="median",
        line={"color": COLOURS[0], "width": 1},
        hovertemplate="round %{x}: median %{y:+.2%}, 90 %% from %{customdata[0]:+.1%} to "
        "%{customdata[1]:+.1%}<extra></extra>".replace("%%", "%"),
    )
    figure.add_trace(middle, row=3, col=1)


def _finish(figure: go.Figure, samples: SweepSamples) -> go.Figure:
    figure = finish(figure, "", "")
    figure.update_xaxes(title_text="round, in the order of measuring", row=3, col=1)
    figure.update_xaxes(title_text=None, row=1, col=1)
    figure.update_yaxes(title_text="drift", tickformat="+.0%", row=1, col=1)
    figure.update_yaxes(title_text="bursts", rangemode="tozero", row=2, col=1)
    figure.update_yaxes(title_text="residual", tickformat="+.0%", row=3, col=1)
    starts = np.flatnonzero(np.r_[True, np.diff(samples.replicate) != 0])
    ends = np.r_[starts[1:], len(samples)]
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if i % 2:  # every other replicate is shaded
            figure.add_vrect(
                x0=start + 0.5, x1=end + 0.5, fillcolor="#8891a5", opacity=0.1, line_width=0
            )
    figure.update_layout(height=HEIGHT_PX, barmode="stack", bargap=0)
    return figure


def _hover(samples: SweepSamples, places: NDArray[np.int64]) -> str:
    first, last = int(places[0]), int(places[-1])
    rounds = f"round {first + 1}" if first == last else f"rounds {first + 1} to {last + 1}"
    when = samples.taken_at[first][:19].replace("T", " ")
    replicate = samples.replicate[first] + 1
    return plain(f"{rounds}, replicate {replicate}, group {samples.group[first]}, {when}")
