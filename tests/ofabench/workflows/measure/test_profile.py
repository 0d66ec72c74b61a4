"""`profile`: the command, its table and picture, and what it refuses."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from bench.operators.profile import OperatorTime
from ofabench.cli import main as cli
from ofabench.workflows.measure.profile import ModelProfile
from tests.support.onnx_files import save_lookup
from tests.support.tflite_files import save_products, save_quantised


@pytest.mark.slow
def test_the_command_prints_and_writes_every_operator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_lookup(tmp_path / "m.onnx")
    table, picture = tmp_path / "o.csv", tmp_path / "p.svg"
    command = ["profile", str(path), "--shape", "ids=5", "--runs", "2", "--force"]
    assert cli.main([*command, "--out", str(table), "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "2 operators" in out
    assert sorted(pd.read_csv(table)["kind"]) == ["Gather", "NonZero"]
    assert picture.read_text().startswith("<?xml")
    assert cli.main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {each["kind"]: each["count"] for each in result["kinds"]} == {"Gather": 1, "NonZero": 1}
    assert sum(each["share"] for each in result["kinds"]) == pytest.approx(1)


@pytest.mark.slow
def test_operators_of_a_tflite_file_are_timed_each_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_products(tmp_path / "m.tflite", 16)
    assert cli.main(["profile", str(path), "--runs", "2", "--force", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["runtime"].startswith("litert-")
    assert [(each["name"], each["kind"], each["shapes"]) for each in result["operators"]] == [
        ("p", "FULLY_CONNECTED", "4x16"),
        ("q", "TANH", "4x16"),
        ("r", "FULLY_CONNECTED", "4x16"),
        ("y", "TANH", "4x16"),
    ]
    assert all(each["ms"] > 0 for each in result["operators"])
    assert sum(each["share"] for each in result["kinds"]) == pytest.approx(1)
    assert result["uncut_kinds"] == {}
    assert {(each["precision"], each["delegated"]) for each in result["operators"]} == {
        ("float32", True)
    }
    assert result["in_float"] is None
    assert result["outside_delegate"] == {
        "count": 0,
        "of": 4,
        "share": 0.0,
        "kinds": [],
        "types": [],
    }


@pytest.mark.slow
def test_the_command_names_operators_that_xnnpack_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, table = save_quantised(tmp_path / "m.tflite", "HARD_SWISH"), tmp_path / "o.csv"
    assert cli.main(["profile", str(path), "--runs", "2", "--force", "--out", str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"2 of 3 operators \(\d+\.\d% of the time\) compute in float32: "
        r"(DE)?QUANTIZE( int8)?, (DE)?QUANTIZE( int8)?",
        lines[1],
    )
    assert re.fullmatch(
        r"1 of 3 operators \(\d+\.\d% of the time\) run outside XNNPACK: HARD_SWISH int8",
        lines[2],
    )
    frame = pd.read_csv(table)
    assert list(frame["precision"]) == ["float32 to int8", "int8", "int8 to float32"]
    assert list(frame["delegated"]) == [True, False, True]


def test_the_text_lists_operators_without_a_time_and_shortens_names() -> None:
    operator = OperatorTime(name="a" * 80 + "z", kind="TANH", ms=1.0, share=1.0, shapes="4")
    profiled = ModelProfile(
        file="m.tflite",
        operators=(operator,),
        runtime="litert-2.3.0",
        uncut={"IF": 2},
        note="timed alone",
    )
    lines = str(profiled).splitlines()
    assert lines[-2] == "IF (2 times) cannot be timed by itself and is not in the sum"
    assert lines[-1] == "timed alone: shares hold, latencies are for `measure`"
    assert any(line.startswith("..." + "a" * 56 + "z ") for line in lines)


@pytest.mark.slow
def test_a_model_that_cannot_be_profiled_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(save_lookup(tmp_path / "m.onnx"))
    refused = [
        (["m.pb"], "m.pb is no ONNX or TFLite file: only these are profiled"),
        (["m.json"], "m.json is no ONNX or TFLite file: only these are profiled"),
        ([path, "--device", "cuda:0"], "only processors are profiled: cpu, phones"),
        ([path, "--force"], "has dynamic dimensions"),
        ([str(tmp_path / "gone.onnx"), "--force"], "cannot read"),
        ([path, "--force", "--shape", "ids=5", "--runs", "1", "--plot", "p.gif"], "expected .png"),
    ]
    for argv, message in refused:
        assert cli.main(["profile", *argv]) == 2
        captured = capsys.readouterr()
        assert message in captured.err
        assert "Traceback" not in captured.err
    assert {each.name for each in tmp_path.iterdir()} == {"m.onnx"}
