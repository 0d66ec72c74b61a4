"""The scripts in examples/, on the fake device or a few images."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import ofabench as ob
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from tests.support.training_child import SPACE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TINY = ob.load_space("tiny")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class OtherDevice(FakeDevice):
    """Another target: every call takes twice as long."""

    def slug(self) -> str:
        return "other"


def predictor(folder: Path, name: str, device: ob.Device | str) -> Path:
    """Fit a predictor of blocks of `tiny` on a device."""
    options = ob.SweepOptions(replicates=2, rounds=2)
    sweep = ob.sweep("tiny", device, "fake", out=folder / f"{name}.sqlite", options=options)
    ob.fit(sweep.blocks()).save(folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


@pytest.mark.slow
def test_measure_cpu(tmp_path: Path) -> None:
    frame = load("measure_cpu").main(tmp_path, "fake", "fake")

    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 20
    assert frame["latency_ms"].is_monotonic_decreasing


@pytest.mark.slow
def test_fit_and_evaluate(tmp_path: Path) -> None:
    evaluation = load("fit_and_evaluate").main(tmp_path, "fake", "fake")

    assert len(evaluation.frame) == 30
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_search_two_devices(tmp_path: Path) -> None:
    slower = OtherDevice(flaws=SimulatedDisturbances(level=0.5), seed=3)
    files = [predictor(tmp_path, "a", "fake"), predictor(tmp_path, "b", slower)]
    loaded = [ob.load_predictor(file) for file in files]
    ends = [
        [each.predict(arch).ms[0] for arch in (TINY.smallest(), TINY.largest())] for each in loaded
    ]
    limits_ms = [sum(pair) / 2 for pair in ends]

    result = load("search_two_devices").main(files, limits_ms, tmp_path / "found.json")

    for each, limit_ms in zip(loaded, limits_ms, strict=True):
        assert each.predict(result.arch).ms[0] <= limit_ms
    assert result.accuracy > load("search_two_devices").accuracy([TINY.smallest()])[0]
    assert (tmp_path / "found.json").is_file()


def test_train_own_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "micro.toml"
    space.write_text(SPACE.replace("classes = 3", "classes = 10"))

    model = load("train_own_data").main(tmp_path, space, images=300)

    assert model.path == tmp_path / "largest.onnx"
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.slow
def test_plug_in(tmp_path: Path) -> None:
    frame = load("plug_in").main(tmp_path, force=True)

    assert list(frame.columns) == ["onnx", "onnx-plain"]
    assert (frame > 0).all().all()
    target = ob.open_sweep(tmp_path / "onnx-plain.sqlite").target
    assert dict(target.options)["rest_s"] == "0.01"
