"""Latency by block as a heat map: rows by position, columns by kernel and expand ratio."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bench.charts.look import finish

KINDS = ("mbconv", "bottleneck")  # those with a choice of hidden width
MOST_IMAGE_CHANNELS = 4  # the compute reference is a stem too, with many more
PLACE = ["in_channels", "out_channels", "stride"]
ROW_PX, AROUND_PX, SLIDER_PX = 30, 110, 90
COLOURS = ((0.0, "#eef5fd"), (1.0, "#6ba4e3"))  # light enough for dark numbers
INK = "#14202f"

Grid = list[list[float | None]]


def common_scale(tables: Sequence[pd.DataFrame]) -> tuple[float, float] | None:
    """Least and largest latency of the elastic blocks of all tables, ms; None without any."""
    every = pd.concat([_elastic(blocks)["latency_ms"] for blocks in tables]) if tables else None
    return None if every is None or every.empty else (float(every.min()), float(every.max()))


def latency_heat_map(
    blocks: pd.DataFrame, scale: tuple[float, float] | None = None
) -> go.Figure | None:
    """Milliseconds of elastic blocks; a slider chooses the resolution where there are several.

    `blocks` has the fields of `BlockSpec` and `latency_ms`. `scale` is the range of the colours,
    ms; without it, that of the blocks. None where no block has a choice.
    """
    rows = _elastic(blocks)
    if rows.empty:
        return None
    rows["expand"] = (rows["mid_channels"] / rows["in_channels"]).round(1)
    columns = sorted(set(zip(rows["kernel"], rows["expand"], strict=True)))
    largest = rows.groupby(PLACE)["in_size"].max().reset_index()
    places = largest.sort_values(["in_size", *PLACE], ascending=[False, True, True, False])
    sizes = _resolutions(blocks)
    grids = [_grid(rows, _at(places, size, sizes), columns) for size in sizes or [0]]
    low, high = scale or (float(rows["latency_ms"].min()), float(rows["latency_ms"].max()))
    heat = go.Heatmap(
        z=grids[-1],
        x=[f"k{kernel} e{expand:g}" for kernel, expand in columns],
        y=_names(_at(places, sizes[-1] if sizes else 0, sizes)),
        zmin=low,
        zmax=high,
        colorscale=COLOURS,
        showscale=False,  # every cell says its value
        texttemplate="%{z:.3g}",
        textfont={"size": 11, "color": INK},
        hoverongaps=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{y}<br>%{x}: %{z:.4g} ms<extra></extra>",
    )
    figure = finish(go.Figure(heat), "", "")
    apart = {"automargin": True, "title_text": None, "showgrid": False, "ticklabelstandoff": 8}
    figure.update_yaxes(autorange="reversed", **apart)
    figure.update_xaxes(side="top", tickangle=0, **apart)
    figure.update_layout(height=ROW_PX * len(places) + AROUND_PX, margin={"t": 40, "b": 20})
    if len(sizes) > 1:
        labels = [_names(_at(places, size, sizes)) for size in sizes]
        figure.update_layout(
            sliders=[_slider(sizes, grids, labels)],
            height=figure.layout.height + SLIDER_PX,
        )
    return figure


def _elastic(blocks: pd.DataFrame) -> pd.DataFrame:
    """Rows of the blocks that have a choice of hidden width."""
    return blocks[blocks["kind"].isin(KINDS)].copy()


def _resolutions(blocks: pd.DataFrame) -> list[int]:
    """Image sizes of the networks that the blocks are from: the input sizes of their stems."""
    stems = blocks[(blocks["kind"] == "stem") & (blocks["in_channels"] <= MOST_IMAGE_CHANNELS)]
    return sorted(int(size) for size in stems["in_size"].unique())


def _at(places: pd.DataFrame, size: int, sizes: Sequence[int]) -> pd.DataFrame:
    """Places with their input sizes in a network for images of `size`; 0 changes nothing."""
    if not size:
        return places
    halvings = np.log2(max(sizes) / places["in_size"]).round().clip(lower=0).astype(int)
    return places.assign(in_size=-(-size // 2**halvings))  # each halving rounds up


def _grid(rows: pd.DataFrame, places: pd.DataFrame, columns: Sequence[tuple[int, float]]) -> Grid:
    """Median ms by place and choice; None where it was not measured."""
    keys = [*PLACE, "in_size", "kernel", "expand"]
    known = rows.groupby(keys)["latency_ms"].median().to_dict()
    return [
        [known.get((*(int(v) for v in place), *column)) for column in columns]
        for place in places[[*PLACE, "in_size"]].itertuples(index=False)
    ]


def _names(places: pd.DataFrame) -> list[str]:
    return [
        f"{row.in_size} px {row.in_channels}→{row.out_channels}"
        + (f" /{row.stride}" if int(str(row.stride)) > 1 else "")
        for row in places.itertuples()
    ]


def _slider(
    sizes: Sequence[int], grids: Sequence[Grid], labels: Sequence[list[str]]
) -> dict[str, Any]:
    """A slider over image sizes; the largest is shown first."""
    steps = [
        {"label": str(size), "method": "restyle", "args": [{"z": [grid], "y": [names]}]}
        for size, grid, names in zip(sizes, grids, labels, strict=True)
    ]
    return {
        "active": len(sizes) - 1,
        "steps": steps,
        "currentvalue": {"prefix": "images of ", "suffix": " px"},
        "pad": {"t": 24, "b": 0},
    }
