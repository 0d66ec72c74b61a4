"""`ofabench import-ofa`: a supernet from a file of OFA's, or a one-line error without a file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ofabench.cli import main as cli
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import load_trained
from supernet.weights.import_ofa import ofa_name
from supernet.weights.model import SuperNet

SPACE = SearchSpace.load("ofa-mbv3-w1.0")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = SuperNet(SPACE, seed=7).state_dict()
    path = tmp_path_factory.mktemp("ofa") / "ofa_mbv3_d234_e346_k357_w1.0"
    theirs = {f"module.{ofa_name(name, SPACE)}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": theirs}, path)
    return path


def imported(weights: Path, out: Path, space: str = SPACE.name) -> int:
    return cli.main(["import-ofa", str(weights), "--space", space, "--out", str(out)])


def test_the_supernet_is_a_finished_one_with_these_weights(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "supernet.safetensors"

    assert imported(weights, out) == 0

    assert capsys.readouterr().out == f"ofa-mbv3-w1.0: 475 tensors, 7,720,768 numbers: {out}\n"
    result = load_trained(out)
    assert (result.space, result.data, result.seed, result.phase) == (SPACE, "imagenet", 0, 0)
    assert (result.schedule.name, result.schedule.phases) == ("imported", ())
    expected = SuperNet(SPACE, seed=7).state_dict()
    actual = result.supernet().state_dict()
    assert all(torch.equal(actual[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ("ofa-resnet50d", "has no tensor input_stem.0.conv.conv.weight"),
        ("ofa-mbv3-w1.2", "its tensors fit ofa-mbv3-w1.0: give --space ofa-mbv3-w1.0"),
        ("tiny", "OFA's authors trained no network of tiny"),
        ("ofa-mbv3", "unknown space 'ofa-mbv3'"),
    ],
)
def test_another_space_is_refused_and_leaves_the_old_file(
    space: str, says: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "supernet.safetensors"
    out.write_bytes(b"before")

    assert imported(weights, out, space) == cli.EXIT_BAD_INPUT

    assert out.read_bytes() == b"before"
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_training_runs_checkpoint_is_read(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(weights, weights_only=True)["state_dict"]
    compiled = {f"_orig_mod.{name}": tensor for name, tensor in state.items()}
    averaged = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    checkpoint, out = tmp_path / "best.pth.tar", tmp_path / "supernet.safetensors"
    extras = {"best_acc": np.float64(76.5), "epoch": np.int64(179), "arch": "ofa"}
    torch.save({**extras, "net": compiled, "state_dict_ema": averaged}, checkpoint)

    assert imported(checkpoint, out) == 0

    message = "read the weights under 'net'; the other entries 'state_dict_ema' are ignored"
    assert message in capsys.readouterr().err
    actual, expected = (
        load_trained(out).supernet().state_dict(),
        SuperNet(SPACE, seed=7).state_dict(),
    )
    assert all(torch.equal(actual[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("cut", [0, 5, 20_000])
def test_a_truncated_file_is_refused_and_no_file_is_written(
    cut: int, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, out = tmp_path / "short", tmp_path / "supernet.safetensors"
    short.write_bytes(weights.read_bytes()[:cut])

    assert imported(short, out) == cli.EXIT_BAD_INPUT

    error = capsys.readouterr().err
    assert f"{short}" in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["short"]


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path / "none", tmp_path / "out") == cli.EXIT_BAD_INPUT

    assert "cannot read" in capsys.readouterr().err
