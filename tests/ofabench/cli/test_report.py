import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from bench.charts import latency as charts
from bench.charts.latency import Pairs
from bench.charts.look import finish
from bench.errors import FileError
from ofabench.cli import main as cli
from ofabench.report.heat_map import latency_heat_map
from ofabench.report.outcome import counts_of, outcome_frame, read_outcomes
from ofabench.report.page import Chart, Page, Section, render
from ofabench.report.tables import table_of_rows
from ofabench.report.training import training_section
from supernet.train.log import TrainingLog, read_log
from supernet.verification.verdicts import Verification
from tests.support.report_runs import verification

FINE = verification(0.4, 0.41, limit_ms=0.45)

VERIFIED = {
    **verification(0.4, 0.46, 0.42, limit_ms=0.45),
    "accuracy": 0.9,
    "accuracy_low": 0.88,
    "accuracy_high": 0.915,
    "predicted_accuracy": 0.91,
    "arch": {"resolution": 32},
}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "limit-1.verified.json").write_text(json.dumps(VERIFIED))
    end = VERIFIED | verification(0.25, 0.2)
    (tmp_path / "smallest.verified.json").write_text(json.dumps(end))
    return tmp_path


def test_outcomes_show_each_latency_with_both_verdicts(run_folder: Path) -> None:
    outcomes = read_outcomes(run_folder)
    frame = outcome_frame(outcomes)

    smallest, limit_1 = frame.to_numpy().tolist()
    assert limit_1 == [
        "limit-1", "0.4500", "0.4000",
        "0.4600", "+15.0% OUT", "NOT MET",
        "0.4200", "+5.0% ok", "met",
        "90.00% (88.00 to 91.50)", "+9.5% by 9 blocks",
    ]  # fmt: skip
    assert smallest[:9] == [
        "smallest", "-", "0.2500", "0.2000", "-20.0% OUT", "-", "-", "-", "-",
    ]  # fmt: skip
    assert "repeated, ms" not in frame


def test_percentiles_and_the_deciding_statistic_are_shown_where_known(
    run_folder: Path,
) -> None:
    tail = {"p90_ms": 0.5, "low_ms": None, "high_ms": None, "p99_ms": None, "samples": 400,
            "disturbed": 4}  # fmt: skip
    changed = VERIFIED | {"tail": tail, "median_ms": 0.46, "statistic": "p90", "drift": None}
    (run_folder / "limit-1.verified.json").write_text(json.dumps(changed))

    frame = outcome_frame(read_outcomes(run_folder))

    assert frame["p90, ms"].tolist() == ["-", "0.5000"]
    assert frame["p99, ms"].tolist() == ["-", "-"]
    assert frame["judged by"].tolist() == ["median", "p90"]
    assert "drift" not in frame


def test_verdicts_are_counted_by_the_deciding_statistic(run_folder: Path) -> None:
    """A limit is judged as measured, a prediction drift-corrected where there is a correction."""
    outcomes = read_outcomes(run_folder)

    assert counts_of(outcomes) == (
        "0 of 1 limits met, 1 of 2 predictions within 10 % (1 drift-corrected; 0 of 2 as measured)"
    )
    assert [outcome.failed for outcome in outcomes] == [True, True]
    assert counts_of(outcomes[:1]) == "0 of 1 predictions within 10 %"
    fine = [replace(outcome, verification=Verification.from_json(FINE)) for outcome in outcomes]
    assert counts_of(fine) == "2 of 2 limits met, 2 of 2 predictions within 10 %"
    assert not any(item.failed for item in fine)


def test_a_repeated_verification_is_shown_and_not_counted(run_folder: Path) -> None:
    again = verification(0.4, 0.41, limit_ms=0.45)
    path = run_folder / "limit-1.verified.json"
    path.write_text(json.dumps(VERIFIED | {"repeats": [again]}))
    outcomes = read_outcomes(run_folder)

    assert outcome_frame(outcomes)["repeated, ms"].tolist() == ["-", "0.4100"]
    assert outcomes[1].measured_ms == 0.46
    assert counts_of(outcomes).startswith("0 of 1 limits met")


def test_a_result_of_an_earlier_version_is_refused(run_folder: Path) -> None:
    old = {"predicted_ms": 1.0, "measured_ms": 1.0, "levelled_ms": 1.0, "kept": True}
    (run_folder / "limit-1.verified.json").write_text(json.dumps(old))
    with pytest.raises(FileError, match="verify again"):
        read_outcomes(run_folder)


def test_extrapolated_predictions_are_marked(run_folder: Path) -> None:
    assert "extrapolated blocks" not in outcome_frame(read_outcomes(run_folder))
    extrapolated = VERIFIED | {"extrapolated": ["a", "b"]}
    (run_folder / "limit-1.verified.json").write_text(json.dumps(extrapolated))
    assert outcome_frame(read_outcomes(run_folder))["extrapolated blocks"].tolist() == [0, 2]
    ms = np.array([0.1, 0.3])
    pairs = Pairs(measured_ms=ms, predicted_ms=ms, words=["one", "other"], extrapolated=[0, 2])
    figure = charts.predicted_against_measured({"judged": pairs})
    assert figure.data[-1].marker.symbol == ("circle", "circle-open")
    assert figure.data[-1].text == ("one", "other<br>2 extrapolated blocks")


def test_a_damaged_outcome_is_refused(run_folder: Path) -> None:
    (run_folder / "limit-1.verified.json").write_text('{"limit_ms": 1}')
    with pytest.raises(FileError, match="verify again"):
        read_outcomes(run_folder)


def test_a_page_is_self_contained_and_escapes_text() -> None:
    rows = [{"<i>name</i>": "<script>", "value": 1.5}]
    section = Section(
        title="<b>",
        text="a & b",
        charts=(Chart(figure=finish(go.Figure(), "x", "y"), caption="<u>"),),
        tables=(table_of_rows("t", rows),),
    )
    page = render(
        Page(title="A <run>", lead="lead", sections=[section], foot="<foot>", commands=["a < b"])
    )
    for text in ("A &lt;run&gt;", "&lt;u&gt;", "&lt;i&gt;name", "&lt;foot&gt;", "a &lt; b"):
        assert text in page
    assert "<h2>&lt;b&gt;</h2>" in page
    assert "a &amp; b" in page
    assert 'id="figure-0-0"' in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)


def test_charts_contain_the_measured_values() -> None:
    frame = pd.DataFrame(
        {
            "kind": ["mbconv", "mbconv", "stem"],
            "key": ["a", "b", "c"],
            "macs": [1e6, 2e6, 3e6],
            "latency_ms": [1.0, 2.0, 3.0],
            "low_ms": [0.9, 1.9, 2.9],
            "high_ms": [1.2, 2.2, 3.2],
            "in_size": [8, 8, 32],
            "in_channels": [16, 16, 1],
            "out_channels": [16, 16, 8],
            "mid_channels": [32, 64, 0],
            "stride": [1, 1, 2],
            "kernel": [3, 5, 3],
        }
    )
    scatter = charts.latency_against_macs(frame)
    assert [trace.name for trace in scatter.data] == ["mbconv", "stem"]
    assert list(scatter.data[0].x) == [1.0, 2.0]
    heat = latency_heat_map(frame)
    assert heat is not None
    assert list(heat.data[0].x) == ["k3 e2", "k5 e4"]
    assert [list(row) for row in heat.data[0].z] == [[1.0, 2.0]]
    pairs = Pairs(
        measured_ms=np.array([1.0, 2.0]),
        predicted_ms=np.array([1.1, 1.9]),
        words="ab",
        extrapolated=[0, 0],
    )
    picture = charts.predicted_against_measured({"judged": pairs})
    assert list(picture.data[-1].y) == [1.1, 1.9]


def test_a_folder_without_results_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert cli.main(["report", str(tmp_path), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "is not a finished run" in error
    assert error.count("\n") == 1
    assert not out.exists()


def _log(path: Path, lines: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_training_log_is_drawn_step_by_step(tmp_path: Path) -> None:
    line: dict[str, object] = {"kind": "steps", "lr": 0.1, "images_per_s": 50.0}
    full = {**line, "phase": 0, "name": "full"}
    lines: list[dict[str, object]] = [
        {"kind": "run", "space": "tiny", "seed": 3, "time": 5.0, "networks": {"largest": {}}},
        {**full, "epoch": 0, "step": 9, "loss": 2.0},
        {**full, "epoch": 0, "step": 11, "loss": 1.5},
        {**full, "epoch": 1, "step": 9, "loss": 1.0},
        {**full, "epoch": 1, "step": 11, "loss": 0.5},
        {**line, "phase": 1, "name": "all", "epoch": 0, "step": 9, "loss": 3.0},
    ]
    path = _log(tmp_path / "supernet.jsonl", lines)

    section = training_section(path, "Training")
    (chart,) = section.charts
    (table,) = section.tables

    assert [trace.name for trace in chart.figure.data] == ["full", "all"]
    assert list(chart.figure.data[0].x) == [10, 12, 22, 24]
    assert list(chart.figure.data[1].x) == [34]
    assert table["loss of the last epoch"] == [0.75, 3.0]
    assert table["epochs"] == [2, 1]
    assert cli.main(["report", str(path), "--out", str(tmp_path / "r.html")]) == 0
    assert "Space tiny, seed 3. " in (tmp_path / "r.html").read_text()


def test_the_validation_accuracy_has_a_chart_and_columns(tmp_path: Path) -> None:
    step: dict[str, object] = {"phase": 0, "name": "all", "loss": 1.0, "lr": 0.1,
                               "images_per_s": 50.0, "kind": "steps", "step": 11}  # fmt: skip
    validation: dict[str, object] = {"kind": "validation", "phase": 0, "step": 11,
                                     "network": "largest", "images": 500}  # fmt: skip
    lines: list[dict[str, object]] = [
        {**step, "epoch": 0},
        {**validation, "epoch": 0, "accuracy": 0.5},
        {**validation, "epoch": 0, "accuracy": 0.25, "network": "random 1"},
        {**step, "epoch": 1},
        {**validation, "epoch": 1, "accuracy": 0.75},
        {**validation, "epoch": 1, "accuracy": 0.5, "network": "random 1"},
        {**validation, "epoch": 1, "accuracy": None},  # damaged: skipped
    ]
    path = _log(tmp_path / "supernet.jsonl", lines)

    section = training_section(path, "Training")

    loss, accuracy = section.charts
    assert accuracy.caption == "Accuracy on 500 validation images: 2 sub-networks"
    assert [(line.name, list(line.x), list(line.y)) for line in accuracy.figure.data] == [
        ("largest", [12, 24], [0.5, 0.75]),
        ("random 1", [12, 24], [0.25, 0.5]),
    ]
    assert list(loss.figure.data[0].x) == [12, 24]
    assert section.tables[0]["validation accuracy, largest"] == [0.75]
    assert section.tables[0]["validation accuracy, random 1"] == [0.5]


def test_an_invalid_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.html"
    cases: list[tuple[list[dict[str, object]], str]] = [
        ([{"kind": "run"}], "has no training step yet"),
        ([{"kind": "run"}, {"a": 1}], "line 2 is not of a training log"),
        ([{"a": 1}, {"kind": "run"}], "is not recognised; accepted is a sweep"),
        ([{"kind": "steps", "phase": 0, "step": 1}], "has lines of steps without one of phase"),
    ]
    for lines, says in cases:
        path = _log(tmp_path / "x.jsonl", lines)
        assert cli.main(["report", str(path), "--out", str(out)]) == 2
        assert says in capsys.readouterr().err
    assert not out.exists()


def test_a_log_line_cut_short_by_a_kill_is_dropped(tmp_path: Path) -> None:
    path = _log(tmp_path / "x.jsonl", [{"kind": "run", "space": "tiny"}])
    path.write_text(path.read_text() + '{"kind": "ste')

    assert read_log(path) == [{"kind": "run", "space": "tiny"}]
    log = TrainingLog(path)
    log.cut((0, 0, 0), {"space": "again"})
    assert [line["space"] for line in read_log(path)] == ["tiny", "again"]
