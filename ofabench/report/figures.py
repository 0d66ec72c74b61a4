"""Pictures of a run, from plain tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ofabench.report.outcome import Outcome

HEIGHT_PX = 460
COLOURS = ("#3366cc", "#dc3912", "#ff9900", "#109618", "#990099", "#0099c6", "#dd4477", "#66aa00")


def latency_against_macs(blocks: pd.DataFrame) -> go.Figure:
    """Latency of every block that has MACs over them, with the interval of its loads.

    `blocks` has the columns `key`, `kind`, `macs`, `latency_ms`, `low_ms`, `high_ms`.
    """
    figure = go.Figure()
    working = blocks[blocks["macs"] > 0]  # a logarithmic axis has no place for pooling
    for colour, (kind, rows) in zip(_colours(), working.groupby("kind"), strict=False):
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
            marker={"color": colour, "size": 6},
            text=rows["key"],
            hovertemplate="%{text}<br>%{x:.3g} M MACs, %{y:.4f} ms<extra></extra>",
        )
        figure.add_trace(trace)
    return finish(figure, "M MACs", "ms", log=True)


def latency_heat_map(blocks: pd.DataFrame) -> go.Figure:
    """Latency of inverted residuals: one row a place in the network, one column a choice.

    `blocks` has the fields of `BlockSpec` and `latency_ms`.
    """
    rows = blocks[blocks["kind"] == "mbconv"].copy()
    rows["place"] = [
        f"{r.in_size} px, {r.in_channels}→{r.out_channels}, stride {r.stride}"
        for r in rows.itertuples()
    ]
    rows["expand"] = (rows["mid_channels"] / rows["in_channels"]).round(1)
    order = rows.sort_values(
        ["in_size", "in_channels", "out_channels"], ascending=[False, True, True]
    )
    grid = rows.pivot_table(index="place", columns=["kernel", "expand"], values="latency_ms")
    grid = grid.reindex(order["place"].drop_duplicates())
    heat = go.Heatmap(
        z=grid.to_numpy(),
        x=[f"k{column[0]} e{column[1]:g}" for column in grid.columns.to_list()],
        y=list(grid.index),
        colorscale="Viridis",
        colorbar={"title": {"text": "ms"}},
        hovertemplate="%{y}<br>%{x}: %{z:.4f} ms<extra></extra>",
    )
    figure = finish(go.Figure(heat), "kernel and expand ratio", "")
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(height=max(HEIGHT_PX, 24 * len(grid) + 120))
    return figure


def predicted_against_measured(
    measured_ms: np.ndarray[Any, np.dtype[np.float64]],
    predicted_ms: np.ndarray[Any, np.dtype[np.float64]],
    names: Sequence[str],
    guessed: Sequence[int],
) -> go.Figure:
    """Whole networks, with the bands of 5 % and 10 %; open where `guessed` blocks are in them."""
    ends = np.array([min(measured_ms.min(), predicted_ms.min()) * 0.95,
                     max(measured_ms.max(), predicted_ms.max()) * 1.05])  # fmt: skip
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
    dots = go.Scatter(
        x=measured_ms,
        y=predicted_ms,
        mode="markers",
        marker={
            "color": COLOURS[0],
            "size": 7,
            "symbol": ["circle-open" if count else "circle" for count in guessed],
        },
        text=[
            f"{name}, {count} blocks guessed" for name, count in zip(names, guessed, strict=True)
        ],
        name="networks",
        hovertemplate="%{text}<br>measured %{x:.4f} ms, predicted %{y:.4f} ms<extra></extra>",
    )
    figure.add_trace(dots)
    return finish(figure, "measured, ms", "predicted, ms")


def accuracy_against_latency(networks: Sequence[Outcome], cloud: pd.DataFrame) -> go.Figure:
    """Networks judged on test images over their measured latency, and what search knew.

    `cloud` has the columns `predicted_ms` and `accuracy`: sub-networks on validation images.
    """
    figure = go.Figure()
    seen = go.Scatter(
        x=cloud["predicted_ms"],
        y=cloud["accuracy"],
        mode="markers",
        marker={"color": "rgba(120,120,120,0.35)", "size": 5},
        name="random sub-networks, validation images, latency predicted",
        hovertemplate="%{x:.4f} ms, %{y:.2%}<extra></extra>",
    )
    figure.add_trace(seen)
    for colour, network in zip(_colours(), networks, strict=False):
        if network.accuracy is None:
            continue
        dot = go.Scatter(
            x=[network.measured_ms],
            y=[network.accuracy],
            error_y={"array": [network.accuracy_error]},
            mode="markers",
            marker={"color": colour, "size": 12},
            name=network.name,
            text=[network.arch],
            hovertemplate="%{text}<br>measured %{x:.4f} ms, %{y:.2%}<extra></extra>",
        )
        figure.add_trace(dot)
        if network.limit_ms is not None:
            figure.add_vline(x=network.limit_ms, line={"color": colour, "dash": "dot", "width": 1})
    figure = finish(figure, "ms", "accuracy")
    figure.update_yaxes(tickformat=".1%")
    return figure


def _colours() -> list[str]:
    return list(COLOURS) * 4


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
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure
