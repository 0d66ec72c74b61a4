"""`ofabench selfcheck`: its folder, and a device with wrong outputs."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.devices.fake import FakeDevice
from bench.protocol.backend import Array, Backend
from bench.protocol.target import Target
from bench.sweep.repeatability import compare_sweeps
from ofabench.cli import main as cli

SMALL = ("--space", "tiny", "--device", "fake", "--blocks", "6", "--loads", "2", "--passes", "2")


@pytest.mark.slow
def test_it_writes_facts_figures_and_every_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "check"

    assert cli.main(["selfcheck", *SMALL, "--out", str(out)]) == 0

    assert "correct" in capsys.readouterr().out
    assert {file.name for file in out.iterdir()} == {
        "first.sqlite",
        "second.sqlite",
        "selfcheck.json",
    }
    data = json.loads((out / "selfcheck.json").read_text())
    assert data["passed"] is True
    assert len(data["outputs"]) == 5
    assert max(data["outputs"].values()) < 1e-5
    assert data["facts_before"]["cpu_cores"] == 8
    assert data["repeatability"]["common"] == 6
    expected = compare_sweeps(out / "first.sqlite", out / "second.sqlite")
    assert data["repeatability"] == pytest.approx(expected)
    assert sum(key.startswith("block:") for key in data["latencies_ms"]) == 6


@pytest.mark.slow
def test_wrong_outputs_give_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true_infer = FakeDevice.infer

    def infer(
        self: FakeDevice, content: bytes, images: Array, backend: Backend, target: Target
    ) -> Array:
        result = true_infer(self, content, images, backend, target)
        wrong: Array = result + np.float32(0.01) * np.abs(result).max()
        return wrong

    monkeypatch.setattr(FakeDevice, "infer", infer)

    assert cli.main(["selfcheck", *SMALL, "--json", "--out", str(tmp_path / "check")]) == 1

    data = json.loads(capsys.readouterr().out)
    assert data["passed"] is False
    assert min(data["outputs"].values()) == pytest.approx(0.01, rel=1e-3)


def test_an_existing_folder_is_refused_and_not_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "check").mkdir()

    assert cli.main(["selfcheck", *SMALL, "--out", str(tmp_path / "check")]) == 2

    assert "check exists; name a folder that does not" in capsys.readouterr().err
    assert list((tmp_path / "check").iterdir()) == []


def test_a_failed_check_leaves_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["selfcheck", *SMALL, "--backend", "onnx", "--out", str(tmp_path / "check")]

    assert cli.main(arguments) == 2

    assert "runs only the backend fake" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_phones_option_is_refused_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = ("--runner", "benchmark_model", "--binary", "b")
    arguments = ["selfcheck", *SMALL, *theirs, "--out", str(tmp_path / "c")]

    assert cli.main(arguments) == 2

    assert (
        "--runner is for phones and boards (adb:..., ssh:...), the device is fake"
        in capsys.readouterr().err
    )
