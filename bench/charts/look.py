"""The look that all charts share: colours, axes, legend.

Colours of text, grid and background are set by the page, which knows whether it is dark.
"""

import math
from collections.abc import Iterator
from html import escape
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

HEIGHT_PX = 430
# Legible on white and on near-black; neighbours differ for colour-blind readers too.
COLOURS = ("#3b7dd8", "#e0742b", "#2a9d78", "#b8559b", "#c9a227", "#5aa9c9", "#8a72d8", "#d1495b")
MUTED = "#8491a7"  # guides: limits, y = x, what is only background
BAND = "rgba(59,125,216,{:.2f})"
MOST_TICKS = 7


def plain(text: object) -> str:
    """A text from outside as Plotly shows it letter by letter: it reads tags and entities."""
    return escape(str(text), quote=False)


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
