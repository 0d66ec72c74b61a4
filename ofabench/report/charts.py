"""Charts from plain tables, and the look that all charts share.

Colours of text, grid and background are set by the page, which knows whether it is dark.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ofabench.report.page import plain

Floats = NDArray[np.float64]

HEIGHT_PX = 430
# Legible on white and on near-black; neighbours differ for colour-blind readers too.
COLOURS = ("#3b7dd8", "#e0742b", "#2a9d78", "#b8559b", "#c9a227", "#5aa9c9", "#8a72d8", "#d1495b")
MUTED = "#8491a7"  # guides: limits, y = x, what is only background
BAND = "rgba(59,125,216,{:.2f})"
MOST_TICKS = 7


def latency_against_macs(blocks: pd.DataFrame) -> go.Figure:
    """Latency of every block that has MACs over them, with the interval of its replicates.

    `blocks` has the columns `key`, `kind`, `macs`, `latency_ms`, `low_ms`, `high_ms`.
    """
    figure = go.Figure()
    working = blocks[blocks["macs"] > 0]  # a logarithmic axis has no place for pooling
    for colour, (kind, rows) in zip(colours(), working.groupby("kind"), strict=False):
        latency_ms = rows["latency_ms"]
        trace = go.Scatter(
            x=rows["macs"] / 1e6,
            y=latency_ms,
            error_y={
                "array": (rows["high_ms"] - latency_ms).clip(lower=0),
                "arrayminus": (latency_ms - rows["low_ms"]).clip(lower=0),
                "thickness": 1,
                "width": 0,
            },
            mode="markers",
            name=plain(str(kind).replace("_", " ")),
            marker={"color": colour, "size": 6, "opacity": 0.8},
            text=rows["key"],
            hovertemplate="%{text}<br>%{x:.3g} M MACs, %{y:.4g} ms<extra></extra>",
        )
        figure.add_trace(trace)
    return finish(figure, "million MACs", "latency, ms", log=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Networks: predicted and measured in ms (n,), in words; numbers of extrapolated blocks."""

    measured_ms: Floats
    predicted_ms: Floats
    words: Sequence[str]
    extrapolated: Sequence[int]

    def measured_as(self, ms: Floats) -> "Pairs":
        """The same networks with other measured latencies."""
        return replace(self, measured_ms=ms)


def predicted_against_measured(pairs: Mapping[str, Pairs]) -> go.Figure:
    """Whole networks by their source, with y = x and the bands of 5 % and 10 % about it.

    A network with extrapolated blocks is an open circle.
    """
    every = np.concatenate([np.r_[each.measured_ms, each.predicted_ms] for each in pairs.values()])
    ends = np.array([every.min() * 0.95, every.max() * 1.05])
    figure = go.Figure()
    for share, opacity in ((0.10, 0.16), (0.05, 0.22)):
        band = go.Scatter(
            x=[*ends, *ends[::-1]],
            y=[*(ends * (1 + share)), *(ends[::-1] * (1 - share))],
            mode="lines",
            fill="toself",
            fillcolor=BAND.format(opacity),
            line={"width": 0},
            hoverinfo="skip",
            name=f"within {share:.0%}",
        )
        figure.add_trace(band)
    figure.add_trace(identity_line(ends))
    for colour, (name, each) in zip(colours(), pairs.items(), strict=False):
        dots = go.Scatter(
            x=each.measured_ms,
            y=each.predicted_ms,
            mode="markers",
            marker={
                "color": colour,
                "size": 7,
                "symbol": ["circle-open" if count else "circle" for count in each.extrapolated],
            },
            text=[
                f"{words}<br>{count} extrapolated blocks" if count else words
                for words, count in zip(each.words, each.extrapolated, strict=True)
            ],
            name=plain(name),
            hovertemplate="%{text}<br>measured %{x:.4g} ms, predicted %{y:.4g} ms<extra></extra>",
        )
        figure.add_trace(dots)
    return finish(figure, "measured, ms", "predicted, ms")


def identity_line(ends: Floats) -> go.Scatter:
    """The line y = x between two values."""
    return go.Scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": MUTED, "width": 1.2, "dash": "dash"},
        hoverinfo="skip",
        name="y = x",
    )


def colours() -> Iterator[str]:
    """Colours of traces, repeated without end."""
    return cycle(COLOURS)


def finish(figure: go.Figure, x: str, y: str, *, log: bool = False) -> go.Figure:
    """Give a figure the titles of its axes, and the look that all charts share."""
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    if log:
        set_log_axes(figure)
    return figure.update_layout(
        template="none",
        height=HEIGHT_PX,
        margin={"l": 60, "r": 20, "t": 24, "b": 50},
        # Below the chart, on a phone too; the chart gives way to it, however many rows it has.
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
    )


def set_log_axes(figure: go.Figure) -> None:
    """Make both axes logarithmic, with a few ticks that are round numbers."""
    for letter, update in (("x", figure.update_xaxes), ("y", figure.update_yaxes)):
        values = np.concatenate(
            [np.asarray(trace[letter], dtype=np.float64) for trace in figure.data]
        )
        ticks = log_ticks(float(np.nanmin(values)), float(np.nanmax(values)))
        update(type="log")
        if len(ticks) > 1:  # else less than an octave, where Plotly's own ticks are few
            update(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from the decade of `low` to that of `high`, about seven of them at most."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        inside = [tick for tick in ticks if 0.8 * low <= tick <= 1.25 * high]
        if len(inside) <= MOST_TICKS:
            return inside
    return inside[:: -(-len(inside) // MOST_TICKS)]
