"""Curves of a training, by its log: loss and validation accuracy over steps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bench.charts.look import COLOURS, colours, finish, plain
from bench.errors import FileError
from supernet.train.log import read_log
from supernet.train.watched_networks import RANDOM

NUMBERS = ["phase", "epoch", "step", "lr", "images_per_s"]  # a loss may be NaN, and is drawn so
PANELS_PX = 620


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingCurves:
    """What a training's log has of its steps and validations, with their place `at` in steps."""

    steps: pd.DataFrame
    validation: pd.DataFrame

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a log; `FileError` where it has no step, or is damaged."""
        return cls.of_lines(path, read_log(path))

    @classmethod
    def of_lines(cls, path: Path, lines: list[dict[str, Any]]) -> Self:
        """Return the curves of the lines of a log; `path` is named in the errors."""
        steps = _steps(path, lines)
        starts = _starts(steps)
        steps["at"] = _places(steps, starts)
        return cls(steps=steps, validation=_validation(lines, starts))


def curves_figure(curves: TrainingCurves) -> go.Figure:
    """Loss over steps and, where it was measured, the validation accuracy below it."""
    figures = [loss_figure(curves.steps)]
    if curves.validation.empty:
        return figures[0]
    figures.append(validation_figure(curves.validation))
    panels = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for row, (what, figure) in enumerate(zip(("loss", "accuracy"), figures, strict=True), start=1):
        for trace in figure.data:
            panels.add_trace(trace.update(name=f"{what}: {trace.name}"), row=row, col=1)
    finish(panels, "steps", "loss")
    panels.update_xaxes(title_text=None, row=1, col=1)
    panels.update_yaxes(title_text="accuracy", tickformat=".0%", nticks=7, row=2, col=1)
    return panels.update_layout(height=PANELS_PX)


def loss_figure(steps: pd.DataFrame) -> go.Figure:
    """Training loss over steps, coloured by phase."""
    figure = go.Figure()
    for number, rows in steps.groupby("phase", sort=True):
        line = go.Scatter(
            x=rows["at"],
            y=rows["loss"],
            mode="lines",
            name=plain(rows["name"].iloc[0]),
            line={"color": COLOURS[int(str(number)) % len(COLOURS)]},
            customdata=rows[["epoch", "lr"]],
            hovertemplate="step %{x}, epoch %{customdata[0]}<br>loss %{y:.4f}, "
            "learning rate %{customdata[1]:.4g}<extra></extra>",
        )
        figure.add_trace(line)
    finish(figure, "steps", "loss")
    return figure.update_layout(showlegend=len(figure.data) > 1)


def validation_figure(validation: pd.DataFrame) -> go.Figure:
    """Accuracy of each network over steps; the random ones are thin lines."""
    figure = go.Figure()
    by_network = validation.groupby("network", sort=False)
    for colour, (network, rows) in zip(colours(), by_network, strict=False):
        figure.add_trace(
            go.Scatter(
                x=rows["at"],
                y=rows["accuracy"],
                mode="lines+markers",
                name=plain(network),
                line={"color": colour, "width": 1 if str(network).startswith(RANDOM) else 2},
                customdata=rows["epoch"],
                hovertemplate="step %{x}, epoch %{customdata}<br>%{y:.2%}",
            )
        )
    finish(figure, "steps", "accuracy")
    figure.update_yaxes(tickformat=".0%", nticks=7)
    return figure.update_layout(showlegend=len(figure.data) > 1)


def _steps(path: Path, lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Lines of steps; `FileError` where there are none, or one lacks a number."""
    steps = pd.DataFrame([line for line in lines if line["kind"] == "steps"])
    if steps.empty:
        raise FileError(f"{path} has no training step yet; train on, then report")
    numbers = steps.reindex(columns=NUMBERS).apply(pd.to_numeric, errors="coerce")
    if not np.isfinite(numbers.to_numpy(dtype=np.float64)).all() or not {"name", "loss"} <= {
        *steps
    }:
        raise FileError(
            f"{path} has lines of steps without one of {', '.join(NUMBERS)}, loss, name: it is "
            "damaged; remove those lines, or train again"
        )
    return steps


def _starts(steps: pd.DataFrame) -> dict[tuple[int, int], int]:
    """Steps done before each epoch, by phase and epoch."""
    lengths = steps.groupby(["phase", "epoch"], as_index=False, sort=True)["step"].max()
    starts: dict[tuple[int, int], int] = {}
    done = 0
    columns = (lengths[name].astype(int).tolist() for name in ("phase", "epoch", "step"))
    for phase, epoch, last in zip(*columns, strict=True):
        starts[phase, epoch] = done
        done += last + 1
    return starts


def _places(lines: pd.DataFrame, starts: dict[tuple[int, int], int]) -> list[int]:
    """Steps done since the training began, for each line."""
    places = lines[["phase", "epoch", "step"]].astype(int).to_numpy().tolist()
    return [starts.get((phase, epoch), 0) + step + 1 for phase, epoch, step in places]


def _validation(lines: list[dict[str, Any]], starts: dict[tuple[int, int], int]) -> pd.DataFrame:
    """Lines of validation with their places in steps; a line that lacks a number is skipped."""
    names = ["phase", "epoch", "step", "accuracy", "images", "network"]
    rows = pd.DataFrame([line for line in lines if line["kind"] == "validation"], columns=names)
    numbers = rows[names[:-1]].apply(pd.to_numeric, errors="coerce")
    complete = np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)
    rows = pd.DataFrame(rows[complete])
    rows["at"] = _places(rows, starts)
    rows["network"] = rows["network"].astype(str)
    return rows
