"""A training log in a report: the loss over steps, and the result of each phase."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bench.errors import FileError
from ofabench.report.figures import COLOURS, finish
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section, plain
from supernet.train.log import read_log

NUMBERS = ["phase", "epoch", "step", "lr", "images_per_s"]  # a loss may be NaN: it is told


def training_sections(inputs: Inputs) -> list[Section]:
    """One section a log; `FileError` where one tells of no step."""
    return [training_section(path, name) for name, path in inputs.logs.items()]


def training_section(path: Path, name: str) -> Section:
    """Loss over steps, coloured by phase, with a table of phases."""
    steps = pd.DataFrame([line for line in read_log(path) if line["kind"] == "steps"])
    if steps.empty:
        raise FileError(f"{path} tells of no training step yet; train on, then report")
    numbers = steps.reindex(columns=NUMBERS).apply(pd.to_numeric, errors="coerce")
    if not np.isfinite(numbers.to_numpy(dtype=np.float64)).all() or not {"name", "loss"} <= {
        *steps
    }:
        raise FileError(
            f"{path} has lines of steps without one of {', '.join(NUMBERS)}, loss, name: it is "
            "damaged; remove those lines, or train again"
        )
    steps["at"] = _since_start(steps)
    return Section(
        title=f"Training: {name}",
        text=f"{_about(path)}Mean loss of the sub-networks of every few steps. A phase that "
        "distils adds the teacher's cross-entropy to that of the labels, so losses of phases are "
        "not of one kind.",
        table=_phases(steps),
        figure=_curve(steps),
    )


def _about(path: Path) -> str:
    """What was trained, in the words of the log's last beginning."""
    begun = [line for line in read_log(path) if line["kind"] == "run"]
    told = (
        [f"{name} {value}" for name, value in begun[-1].items() if name != "kind" and value]
        if begun
        else []
    )
    return f"{', '.join(told)}. " if told else ""


def _since_start(steps: pd.DataFrame) -> list[int]:
    """Steps done since the training began, for each line."""
    epochs = steps.groupby(["phase", "epoch"], sort=True)["step"].max() + 1
    before = (epochs.cumsum() - epochs).to_dict()
    return [before[row.phase, row.epoch] + row.step + 1 for row in steps.itertuples()]


def _curve(steps: pd.DataFrame) -> go.Figure:
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
    return finish(figure, "steps", "loss")


def _phases(steps: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for _, of_phase in steps.groupby("phase", sort=True):
        last = of_phase[of_phase["epoch"] == of_phase["epoch"].max()]
        rows.append(
            {
                "phase": of_phase["name"].iloc[0],
                "epochs": int(of_phase["epoch"].nunique()),
                "loss of the last epoch": f"{last['loss'].mean():.3f}",
                "sub-network images a second": f"{of_phase['images_per_s'].median():.0f}",
            }
        )
    return pd.DataFrame(rows)
