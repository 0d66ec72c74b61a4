"""A run's folder as the sections of a report."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from bench.errors import FileError
from bench.files import read_json
from latency_models.networks import NetworksTable
from latency_models.predictors import LatencyPredictor
from latency_models.table import LatencyTable
from ofabench.report import figures
from ofabench.report.outcome import outcome_frame, read_outcomes
from ofabench.report.page import Section, render
from ofabench.report.training import training_section
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.space import SearchSpace

TABLE, PREDICTOR, JUDGED = "blocks.parquet", "latency.parquet", "judged.parquet"
LOG = "supernet.jsonl"
ACCURACY, EVALUATION = "accuracy.parquet", "evaluation.json"


def render_run(folder: Path) -> str:
    """One HTML page of a quickstart's folder; `FileError` where a part is missing."""
    missing = [n for n in (TABLE, PREDICTOR, JUDGED, ACCURACY) if not (folder / n).exists()]
    if missing:
        raise FileError(
            f"{folder} is not a finished run, {', '.join(missing)} missing; "
            f"run `ofabench quickstart --out {folder}` to its end"
        )
    table = LatencyTable.load(folder / TABLE)
    predictor = LatencyPredictor.load(folder / PREDICTOR)
    sections = [
        _outcomes(folder, predictor),
        _judged(folder, predictor),
        *([training_section(folder / LOG)] if (folder / LOG).exists() else []),
        *_blocks(table),
        _machine(table),
    ]
    lead = (
        f"{len(table.rows)} blocks and some whole networks were timed on this machine, a latency "
        "predictor was fitted on them, and the most accurate sub-networks within three limits "
        "were searched, exported, measured and judged on images that nothing before had seen."
    )
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return render("ofabench: a run", lead, sections, f"{table.target.key} · {now}")


def _outcomes(folder: Path, predictor: LatencyPredictor) -> Section:
    accuracy = AccuracyPredictor.load(folder / ACCURACY)
    space = SearchSpace.load(accuracy.space)
    networks = [space.blocks(arch) for arch in space.decode(accuracy.codes)]
    cloud = pd.DataFrame(
        {"predicted_ms": predictor.predict_many(networks), "accuracy": accuracy.accuracy}
    )
    outcomes = read_outcomes(folder)
    return Section(
        title="Accuracy against latency",
        text="Coloured: exported networks, latency measured, accuracy on test images with its "
        "standard error; dotted lines are their limits. Grey: random sub-networks of the "
        "supernet on validation images.",
        table=outcome_frame(outcomes),
        figure=figures.accuracy_against_latency(outcomes, cloud),
    )


def _judged(folder: Path, predictor: LatencyPredictor) -> Section:
    judged = NetworksTable.load(folder / JUDGED)
    column = judged.column_or_only(None)
    space = SearchSpace.load(str(judged.space))
    archs = space.from_frame(judged.frame)
    networks = [space.blocks(arch) for arch in archs]
    predicted_ms = predictor.predict_many(networks)
    guessed = [sum(block not in predictor.domain for block in one) for one in networks]
    measured_ms = np.asarray(judged.latencies_ms(column))
    table = _verdict(folder / EVALUATION) if (folder / EVALUATION).exists() else None
    return Section(
        title="Predicted against measured",
        text=f"{len(archs)} networks that the predictor never saw, measured by another process. "
        "A predictor is worth what it adds to the simpler rows; how well the networks repeat "
        "from load to load is the ceiling. Open circles are networks with blocks unlike any that "
        f"it was fitted on: {sum(map(bool, guessed))} of them.",
        table=table,
        figure=figures.predicted_against_measured(
            measured_ms, predicted_ms, [space.to_line(arch) for arch in archs], guessed
        ),
    )


def _verdict(path: Path) -> pd.DataFrame:
    data = read_json(path)
    rows = {"this predictor": data, "sum of blocks": data.get("plain_sum")}
    rows |= {"MACs alone": data.get("macs_alone"), "best constant": data.get("best_constant")}
    return pd.DataFrame(
        [
            {
                "predictor": name,
                "within 5 %": f"{row['within_5']:.0%}",
                "within 10 %": f"{row['within_10']:.0%}",
                "rank correlation": "-" if row["spearman"] is None else f"{row['spearman']:.3f}",
                "mean error": f"{row['mape']:.1%}",
            }
            for name, row in rows.items()
            if row
        ]
    )


def _blocks(table: LatencyTable) -> list[Section]:
    frame = table.rows.copy()
    frame["key"] = [spec.key for spec in table.specs]
    frame["macs"] = [spec.macs for spec in table.specs]
    return [
        Section(
            title="Latency by block",
            text="Every block that multiplies, over its multiply-accumulates; bars are the 95 % "
            "intervals from the loads.",
            figure=figures.latency_against_macs(frame),
        ),
        Section(
            title="Inverted residuals: kernel and expand ratio",
            text="Milliseconds by place in the network and by choice.",
            figure=figures.latency_heat_map(frame),
        ),
    ]


def _machine(table: LatencyTable) -> Section:
    facts = table.provenance.get("facts") or {}
    rows = [
        {"fact": name, "value": "not told" if value is None else str(value)}
        for name, value in facts.items()
    ]
    return Section(
        title="What was measured on",
        text=f"Target {table.target.key}.",
        table=pd.DataFrame(rows, columns=["fact", "value"]),
    )
