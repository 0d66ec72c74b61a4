"""A training log in a report: loss and validation accuracy over steps, and a table of phases."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bench.errors import FileError
from ofabench.report.charts import COLOURS, colours, finish
from ofabench.report.inputs import Inputs
from ofabench.report.page import Chart, Section, plain
from ofabench.report.tables import Column, Table, percent
from supernet.train.log import read_log
from supernet.train.watched_networks import RANDOM

NOT_ABOUT = ("kind", "time", "networks")  # fields of a run's line that do not describe it
NUMBERS = ["phase", "epoch", "step", "lr", "images_per_s"]  # a loss may be NaN, and is drawn so
ABOUT = {"micro_batches": "micro-batches"}


def training_sections(inputs: Inputs) -> list[Section]:
    """One section per log; `FileError` where one has no step."""
    several = len(inputs.logs) > 1
    return [
        training_section(
            path, f"Training: {file.removesuffix('.jsonl')}" if several else "Training"
        )
        for file, path in inputs.logs.items()
    ]


def training_section(path: Path, title: str) -> Section:
    """Loss over steps, coloured by phase, the validation accuracy, and a table of phases."""
    lines = read_log(path)
    steps = _steps(path, lines)
    starts = _starts(steps)
    steps["at"] = _places(steps, starts)
    validation = _validation(lines, starts)
    charts = [Chart(figure=_loss_chart(steps), caption="Training loss")]
    text = (
        f"{_about(lines)}Mean loss of the sub-networks of every few steps. A phase that distils "
        "adds the teacher's cross-entropy to that of the labels, so losses of different phases "
        "are not comparable."
    )
    if not validation.empty:
        charts.append(_validation_chart(validation))
    return Section(
        title=title,
        text=text,
        charts=tuple(charts),
        tables=(_phases(steps, validation),),
        tables_first=False,
    )


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


def _about(lines: list[dict[str, Any]]) -> str:
    """What was trained, by the last start of the log; what is 1 or empty goes without saying."""
    runs = [line for line in lines if line["kind"] == "run"]
    facts = [
        f"{ABOUT.get(name, name)} {value}"
        for name, value in (runs[-1] if runs else {}).items()
        if name not in NOT_ABOUT
        and value not in ("", None)
        and (name, value) != ("micro_batches", 1)
    ]
    text = ", ".join(facts)
    return f"{text[:1].upper()}{text[1:]}. " if text else ""


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


def _loss_chart(steps: pd.DataFrame) -> go.Figure:
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


def _validation_chart(validation: pd.DataFrame) -> Chart:
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
    figure.update_layout(showlegend=len(figure.data) > 1)
    networks = ", ".join(dict.fromkeys(validation["network"]))
    plural = "s" if len(figure.data) > 1 else ""
    images = int(validation["images"].max())
    caption = f"Accuracy on {images:,} validation images: {networks} sub-network{plural}"
    return Chart(figure=figure, caption=caption)


def _phases(steps: pd.DataFrame, validation: pd.DataFrame) -> Table:
    phases = list(steps.groupby("phase", sort=True))
    last = [rows[rows["epoch"] == rows["epoch"].max()] for _, rows in phases]
    columns = [
        Column(name="phase", values=[rows["name"].iloc[0] for _, rows in phases], text=True),
        Column(name="epochs", values=[int(rows["epoch"].nunique()) for _, rows in phases]),
        Column(
            name="loss of the last epoch",
            values=[float(rows["loss"].mean()) for rows in last],
            show="{:.3f}".format,
        ),
        Column(
            name="sub-network images a second",
            values=[float(rows["images_per_s"].median()) for _, rows in phases],
            show="{:.0f}".format,
        ),
    ]
    for network, rows in validation.groupby("network", sort=False):
        ends = [rows[rows["phase"] == number]["accuracy"] for number, _ in phases]
        accuracies = [float(end.iloc[-1]) if len(end) else None for end in ends]
        columns.append(
            Column(name=str(network), group="validation accuracy", values=accuracies, show=percent)
        )
    return Table(name="training-phases", columns=tuple(columns))
