"""A training log in a report: loss and validation accuracy over steps, and a table of phases."""

from pathlib import Path
from typing import Any

import pandas as pd

from ofabench.charts.training import TrainingCurves, loss_figure, validation_figure
from ofabench.report.inputs import Inputs
from ofabench.report.page import Chart, Section
from ofabench.report.tables import Column, Table, percent
from supernet.train.log import read_log

NOT_ABOUT = ("kind", "time", "networks")  # fields of a run's line that do not describe it
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
    curves = TrainingCurves.of_lines(path, lines)
    charts = [Chart(figure=loss_figure(curves.steps), caption="Training loss")]
    text = (
        f"{_about(lines)}Mean loss of the sub-networks of every few steps. A phase that distils "
        "adds the teacher's cross-entropy to that of the labels, so losses of different phases "
        "are not comparable."
    )
    if not curves.validation.empty:
        charts.append(_validation_chart(curves.validation))
    return Section(
        title=title,
        text=text,
        charts=tuple(charts),
        tables=(_phases(curves.steps, curves.validation),),
        tables_first=False,
    )


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


def _validation_chart(validation: pd.DataFrame) -> Chart:
    figure = validation_figure(validation)
    names = [*dict.fromkeys(validation["network"])]
    networks = f"{len(names)} sub-networks" if len(names) > 1 else f"{names[0]} sub-network"
    images = int(validation["images"].max())
    caption = f"Accuracy on {images:,} validation images: {networks}"
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
