"""Charts of a run, from plain tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from ofabench.report.page import plain

Floats = NDArray[np.float64]

HEIGHT_PX = 460
COLOURS = ("#3366cc", "#dc3912", "#ff9900", "#109618", "#990099", "#0099c6", "#dd4477", "#66aa00")


def latency_against_macs(blocks: pd.DataFrame) -> go.Figure:
    """Latency of every block that has MACs over them, with the interval of its loads.

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
            name=str(kind),
            marker={"color": colour, "size": 6, "opacity": 0.8},
            text=rows["key"],
            hovertemplate="%{text}<br>%{x:.3g} M MACs, %{y:.4g} ms<extra></extra>",
        )
        figure.add_trace(trace)
    return finish(figure, "M MACs", "ms", log=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Networks, predicted and measured in ms (n,), in words, with the blocks guessed in each."""

    measured_ms: Floats
    predicted_ms: Floats
    words: Sequence[str]
    guessed: Sequence[int]


def predicted_against_measured(pairs: Mapping[str, Pairs]) -> go.Figure:
    """Whole networks by their source, with the bands of 5 % and 10 %; open where guessed."""
    every = np.concatenate([np.r_[one.measured_ms, one.predicted_ms] for one in pairs.values()])
    ends = np.array([every.min() * 0.95, every.max() * 1.05])
    figure = go.Figure()
    for share, shade in ((0.10, "rgba(51,102,204,0.10)"), (0.05, "rgba(51,102,204,0.18)")):
        band = go.Scatter(
            x=[*ends, *ends[::-1]],
            y=[*(ends * (1 + share)), *(ends[::-1] * (1 - share))],
            mode="lines",
            fill="toself",
            fillcolor=shade,
            line={"width": 0},
            hoverinfo="skip",
            name=f"within {share:.0%}",
        )
        figure.add_trace(band)
    for colour, (name, one) in zip(colours(), pairs.items(), strict=False):
        dots = go.Scatter(
            x=one.measured_ms,
            y=one.predicted_ms,
            mode="markers",
            marker={
                "color": colour,
                "size": 6,
                "symbol": ["circle-open" if count else "circle" for count in one.guessed],
            },
            text=[
                f"{words}<br>{count} blocks guessed" if count else words
                for words, count in zip(one.words, one.guessed, strict=True)
            ],
            name=plain(name),
            hovertemplate="%{text}<br>measured %{x:.4g} ms, predicted %{y:.4g} ms<extra></extra>",
        )
        figure.add_trace(dots)
    return finish(figure, "measured, ms", "predicted, ms")


def colours() -> Iterator[str]:
    """Colours to tell things apart by, over and over."""
    return cycle(COLOURS)


def finish(figure: go.Figure, x: str, y: str, *, log: bool = False) -> go.Figure:
    """Give a figure the names of its axes, and the look that all have."""
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    if log:
        figure.update_xaxes(type="log")
        figure.update_yaxes(type="log")
    figure.update_layout(
        template="plotly_white",
        height=HEIGHT_PX,
        margin={"l": 64, "r": 20, "t": 20, "b": 50},
        # Below the picture, on a phone too; the picture gives way to it, however many rows it has.
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        hoverlabel={"align": "left", "bgcolor": "#fff", "font": {"color": "#1f2430"}},
    )
    return figure
