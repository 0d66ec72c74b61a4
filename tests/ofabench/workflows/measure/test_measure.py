"""`measure`: files in the same rounds, failures beside results, resuming, limits, files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ofabench as ob
from bench.backends.fake import FakeBackend, block_cost_ns
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError, InterruptedSweepError
from bench.protocol.progress import NoProgress
from ofabench.cli import main as cli
from tests.support import onnx_files

SMALL = BlockSpec(kind="stem", in_size=16, in_channels=3, out_channels=8, kernel=3, act="relu")
LARGE = BlockSpec(kind="stem", in_size=64, in_channels=3, out_channels=32, kernel=3, act="relu")
FEW = ob.MeasureOptions(replicates=3, rounds=4)


def save(path: Path, block: BlockSpec) -> Path:
    """Write a file of the fake backend's, whose cost is known."""
    path.write_bytes(FakeBackend().serialise(random_model((block,))))
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [save(tmp_path / "small.json", SMALL), save(tmp_path / "large.json", LARGE)]


@pytest.mark.slow
def test_latencies_are_those_of_the_files(files: list[Path]) -> None:
    measured = ob.measure(files, "fake", options=FEW)
    assert [model.file for model in measured] == ["small.json", "large.json"]
    for model, block in zip(measured, (SMALL, LARGE), strict=True):
        cost_ms = (3_000 + block_cost_ns(block)) / 1e6
        assert model.corrected_ms == pytest.approx(cost_ms, rel=0.15)
        assert model.low_ms <= model.measured_ms <= model.high_ms
        assert model.p90_ms >= model.measured_ms
        assert model.samples == 3 * 4 * 2  # replicates, rounds, warm samples of a burst
        assert (model.load_ms, model.p99_ms) == (None, None)
    assert not measured.failures


@pytest.mark.slow
def test_equal_files_have_one_measurement_and_two_rows(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = save(tmp_path / "other" / "small.json", SMALL)
    measured = ob.measure([*files, twin], "fake", options=FEW)
    assert [model.file for model in measured] == [str(files[0]), "large.json", str(twin)]
    assert measured.of(str(twin)).measured_ms == measured.of(str(files[0])).measured_ms


@pytest.mark.slow
def test_a_model_that_cannot_be_measured_does_not_stop_the_others(files: list[Path]) -> None:
    bad = files[0].with_name("bad.pb")
    measured = ob.measure([files[0], bad, files[0].with_name("gone.onnx")], "fake", options=FEW)
    assert [model.file for model in measured] == ["small.json"]
    assert "expected .onnx or .tflite" in measured.failures["bad.pb"]
    assert "cannot read" in measured.failures["gone.onnx"]


@pytest.mark.slow
def test_a_result_is_read_back_and_tabled(files: list[Path], tmp_path: Path) -> None:
    measured = ob.measure(files, "fake", options=FEW)
    measured.save(tmp_path / "r.json")
    measured.save(tmp_path / "r.csv")
    measured.save(tmp_path / "r.parquet")
    assert ob.Measurements.load(tmp_path / "r.json") == measured
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "r.parquet"), measured.frame)
    assert pd.read_csv(tmp_path / "r.csv")["file"].tolist() == ["small.json", "large.json"]
    wide = measured.wide
    assert list(wide.index) == ["small", "large"]
    assert wide.iloc[1, 0] == measured.of("large.json").measured_ms
    with pytest.raises(InputError, match="not a name in"):
        measured.save(tmp_path / "r.txt")
    (tmp_path / "r.json").write_text('{"format": "ofabench-measurements-1", "models": [{}]}')
    with pytest.raises(FileError, match="is damaged"):
        ob.Measurements.load(tmp_path / "r.json")
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(FileError, match="holds no measurements"):
        ob.Measurements.load(tmp_path / "r.json")


class Stopped(NoProgress):
    """A progress at which Ctrl-C is pressed after so many steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self._left -= steps
        if self._left < 0:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_stopped_measurement_continues_as_if_undisturbed(
    files: list[Path], tmp_path: Path
) -> None:
    keep = tmp_path / "m.sqlite"
    with pytest.raises(InterruptedSweepError, match=r"1 of 3 replicates done.*again --resume"):
        ob.measure(
            files, "fake", options=FEW, keep=keep, progress=Stopped(8), resume_with="again --resume"
        )
    with pytest.raises(FileError, match="exists; continue it by --resume"):
        ob.measure(files, "fake", options=FEW, keep=keep)
    resumed = ob.measure(files, "fake", options=FEW, keep=keep, resume=True)
    whole = ob.measure(files, "fake", options=FEW, keep=tmp_path / "w.sqlite")
    assert resumed.models == whole.models


@pytest.mark.slow
def test_the_command_fails_above_a_limit_and_slower_than_earlier(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.json"
    command = ["measure", *map(str, files), "--device", "fake", "--rounds", "2"]
    command += ["--replicates", "2"]
    assert cli.main([*command, "--out", str(out)]) == 0
    assert "small.json" in capsys.readouterr().out
    data = json.loads(out.read_text())
    for model in data["models"]:
        model["measured_ms"] /= 1.5
    out.write_text(json.dumps(data))
    gate = ["--baseline", str(out), "--fail-slower", "20%", "--fail-above", "0.05ms", "--json"]
    assert cli.main([*command, *gate]) == 1
    verdict = json.loads(capsys.readouterr().out)["gate"]
    assert [ratio["ratio"] for ratio in verdict["ratios"]] == pytest.approx([1.5, 1.5])
    failed = " ".join(verdict["failures"])
    assert "large.json (fake) takes" in failed
    assert "small.json (fake) takes" not in failed
    assert "small.json (fake) is slower than earlier by 50.0%, allowed is 20.0%" in failed
    assert cli.main([*command, "--fail-above", "1000ms"]) == 0


def test_the_command_refuses_incompatible_options(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = [
        (["--fail-slower", "5%"], "--fail-slower compares with --baseline"),
        (["--resume"], "--resume continues what --keep holds"),
        (["--out", "r.txt"], "expected a name in .json, .csv or .parquet"),
        (["--shape", "x=1xy"], "expected NAME=1x3x224x224"),
        (["--backend", "onnx"], "is run by none of the backends given (onnx .onnx)"),
    ]
    for options, message in refused:
        assert cli.main(["measure", str(files[0]), "--device", "fake", *options]) == 2
        captured = capsys.readouterr()
        assert message in captured.out + captured.err
    assert {path.name for path in tmp_path.iterdir()} == {"small.json", "large.json"}


@pytest.mark.slow
def test_onnx_files_are_measured_on_this_machine(tmp_path: Path) -> None:
    paths = [
        onnx_files.save_relu(tmp_path / "relu.onnx"),
        onnx_files.save_lookup(tmp_path / "lookup.onnx"),
        onnx_files.save_custom(tmp_path / "custom.onnx"),
    ]
    quick = ob.MeasureOptions(replicates=2, rounds=2, force=True, shape=("x=8x4", "ids=3"))
    measured = ob.measure(paths, ob.DeviceOptions(device="cpu", wait=True), options=quick)
    assert [model.file for model in measured] == ["relu.onnx", "lookup.onnx"]
    for model in measured:
        assert model.load_ms is not None
        assert model.load_ms > 0
        assert model.first_ms is not None
        assert model.measured_ms > 0
        assert model.peak_memory_bytes is None or model.peak_memory_bytes >= 0
    assert "Nowhere" in measured.failures["custom.onnx"]


def test_a_shape_of_no_input_is_refused(tmp_path: Path) -> None:
    path = onnx_files.save_relu(tmp_path / "relu.onnx", (2, 4))
    quick = ob.MeasureOptions(force=True, shape=("z=8x4",))
    with pytest.raises(InputError, match="--shape names the input 'z', the inputs are x"):
        ob.measure(path, ob.DeviceOptions(device="cpu", wait=True), options=quick)


@pytest.mark.slow
def test_values_of_inputs_come_from_a_file(tmp_path: Path) -> None:
    values = tmp_path / "v.npz"
    np.savez(values, x=np.zeros((6, 4), np.float32))
    path = onnx_files.save_relu(tmp_path / "relu.onnx")
    quick = ob.MeasureOptions(replicates=2, rounds=2, force=True, inputs=values)
    measured = ob.measure(path, ob.DeviceOptions(device="cpu", wait=True), options=quick)
    assert not measured.failures
    assert len(measured) == 1
