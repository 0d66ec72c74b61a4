"""`profile`: the command, its table and picture, and what it refuses."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ofabench.cli import main as cli
from tests.support.onnx_files import save_lookup


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
def test_what_cannot_be_profiled_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(save_lookup(tmp_path / "m.onnx"))
    refused = [
        (["m.tflite"], "only these are profiled"),
        ([path, "--device", "cuda:0"], "only cpu is profiled"),
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
