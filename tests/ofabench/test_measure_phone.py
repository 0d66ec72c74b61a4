"""`ofabench measure` on a phone: files with several inputs, and with inputs that are no images.

The pocket phone runs the real runner, built for this machine.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ofabench.cli import main as cli
from tests.pocket_phone.phone import PocketPhone
from tests.support import tflite_files as files
from tests.support.pocket_phones import pocket_note8

QUICK = ("--replicates", "2", "--rounds", "2", "--cores", "any", "--force")


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PocketPhone]:
    with pocket_note8(tmp_path / "phone", monkeypatch) as note8:
        yield note8


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Models of int32 tokens, of two inputs, of int8, and of an image."""
    made = [
        files.save_tokens(tmp_path / "tokens.tflite"),
        files.save_two_inputs(tmp_path / "two.tflite"),
        files.save_int8_input(tmp_path / "int8.tflite"),
        files.save_products(tmp_path / "image.tflite", 4),
    ]
    return [str(path) for path in made]


def test_inputs_of_every_type_are_measured_on_a_phone(
    phone: PocketPhone, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = files.Node(op="NEG", inputs=["x"], outputs=["y"])
    graph = files.Graph(tensors={"x": (-1, 4), "y": (-1, 4)}, nodes=[node])
    dynamic = files.save_tflite(tmp_path / "dynamic.tflite", graph)

    status = cli.main(
        ["measure", *models, str(dynamic), "--device", phone.address, *QUICK, "--json"]
    )

    assert status == 2
    data = json.loads(capsys.readouterr().out)
    assert [model["file"] for model in data["models"]] == [Path(name).name for name in models]
    assert all(model["measured_ms"] > 0 for model in data["models"])
    assert list(data["failures"]) == ["dynamic.tflite"]
    assert "phones run fixed shapes" in data["failures"]["dynamic.tflite"]


def test_given_values_are_those_of_the_file(
    phone: PocketPhone, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = np.array([0, 1, 1, 0, 0, 1], dtype=np.int32)
    np.savez(tmp_path / "good.npz", tokens=tokens)
    np.savez(tmp_path / "short.npz", tokens=tokens[:5])
    np.savez(tmp_path / "other.npz", tokens=tokens, words=tokens)
    np.savez(tmp_path / "none.npz", words=tokens)
    argv = ["measure", models[0], "--device", phone.address, *QUICK, "--inputs"]

    assert cli.main([*argv, str(tmp_path / "good.npz")]) == 0
    (given,) = (phone.root / "data/local/tmp/ofabench/models").glob("*.values")
    assert given.read_bytes() == tokens.tobytes()
    for name, message in (
        ("short", "the value of tokens (int32, [6]) is of shape [5]"),
        ("other", "other.npz has values of the input 'words', the inputs are tokens"),
        ("none", "no value for tokens (int32, [6]); the values given are: words"),
    ):
        capsys.readouterr()
        assert cli.main([*argv, str(tmp_path / f"{name}.npz")]) == 2
        captured = capsys.readouterr()
        assert message in captured.out + captured.err
        assert "Traceback" not in captured.err


def test_a_shape_of_an_unknown_input_names_the_inputs(
    phone: PocketPhone, models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["measure", models[1], "--device", phone.address, *QUICK, "--shape", "c=4"]

    assert cli.main(argv) == 2
    message = "--shape names the input 'c', the inputs are a, b: name one of them"
    assert message in capsys.readouterr().err


def test_a_file_that_the_runner_refuses_is_named_and_the_others_are_measured(
    phone: PocketPhone, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = files.Node(op="CUSTOM", inputs=["x"], outputs=["y"], custom="Nowhere")
    graph = files.Graph(tensors={"x": (2, 4), "y": (2, 4)}, nodes=[node])
    custom = files.save_tflite(tmp_path / "custom.tflite", graph)
    paths = [models[0], str(custom), models[3]]

    status = cli.main(["measure", *paths, "--device", phone.address, *QUICK, "--json"])

    assert status == 2
    data = json.loads(capsys.readouterr().out)
    assert [model["file"] for model in data["models"]] == ["tokens.tflite", "image.tflite"]
    assert list(data["failures"]) == ["custom.tflite"]
    assert "the device cannot run it: LiteRT cannot" in data["failures"]["custom.tflite"]


def test_a_file_is_profiled_by_the_runtime_there(
    phone: PocketPhone, models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["profile", models[1], "--device", phone.address, "--force", "--json"]

    assert cli.main(argv) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["runtime"].startswith("litert-")
    assert len(data["operators"]) >= 3
    assert sum(each["share"] for each in data["operators"]) == pytest.approx(1.0, abs=0.05)
    assert cli.main([*argv, "--shape", "c=4"]) == 2
    assert "--shape names the input 'c', the inputs are a, b" in capsys.readouterr().err
