"""Latencies over MACs, and predicted against measured latencies, from plain tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from bench.charts.look import BAND, MUTED, colours, finish, plain

Floats = NDArray[np.float64]


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
    """Networks: predicted and measured in ms (n,), in words; numbers of extrapolated blocks.

    `half_width` is that of the measurements' 95 % intervals, relative, (n,); None if not known.
    """

    measured_ms: Floats
    predicted_ms: Floats
    words: Sequence[str]
    extrapolated: Sequence[int]
    half_width: Floats | None = None

    def measured_as(self, ms: Floats) -> "Pairs":
        """The same networks with other measured latencies."""
        return replace(self, measured_ms=ms)


def predicted_against_measured(pairs: Mapping[str, Pairs]) -> go.Figure:
    """Whole networks by their source, with y = x and the bands of 5 % and 10 % about it.

    A network with extrapolated blocks is an open circle; bars are 95 % intervals of measurements.
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
            error_x=_noise(each),
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


def _noise(pairs: Pairs) -> dict[str, Any] | None:
    """Error bars of the measurements."""
    if pairs.half_width is None:
        return None
    half_ms = pairs.half_width * pairs.measured_ms
    return {"array": half_ms, "arrayminus": half_ms, "thickness": 1, "width": 0}


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
