"""Commands on a folder of images: trained, cut out, exported, judged; and what cannot be read."""

import json
import os
from pathlib import Path

import pytest
import torch

from bench.errors import InputError
from ofabench.cli import main as cli
from ofabench.workflows.train.broken_images import log_broken
from supernet.data.batch_stream import Broken
from supernet.export.model_card import read_exported
from supernet.export.network_file import load_network
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, load_trained, save_checkpoint
from supernet.train.schedule import Schedule
from supernet.verification.accuracy_evaluation import AccuracyEvaluation
from supernet.weights.model import SuperNet
from tests.support import training_child
from tests.support.image_folders import CLASSES, make_folder

SPACE = (
    training_child.SPACE.replace('"micro"', '"micro-colour"')
    .replace("in_channels = 1", "in_channels = 3")
    .replace("[8, 12]", "[16, 24]")
)
SCHEDULE = """
name = "short"
phases = [
    {name = "full", epochs = 1, lr = 0.1, batch = 32, depths = 1, kernels = 1, expands = 1},
    {name = "all", epochs = 1, lr = 0.05, batch = 32, subnets = 2, distillation = 1},
]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of which four cannot be read."""
    root = make_folder(tmp_path_factory.mktemp("images"), train=80, val=10, side=28)
    (root / "train" / CLASSES[0] / "1.png").write_bytes(b"")
    (root / "train" / CLASSES[1] / "2.JPEG").write_text("text")
    (root / "val" / CLASSES[2] / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.mkfifo(root / "train" / CLASSES[0] / "pipe.jpg")
    return root


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "micro.toml"
    path.write_text(SPACE)
    return path


@pytest.fixture
def arch(tmp_path: Path) -> Path:
    micro = SearchSpace.from_toml(SPACE)
    path = tmp_path / "a.jsonl"
    path.write_text(micro.to_line(micro.smallest()) + "\n")
    return path


def untrained(path: Path, data: str) -> Path:
    """A supernet that says to be trained on `data`, as imported ones do on imagenet."""
    recipe = Recipe(
        space=SearchSpace.from_toml(SPACE),
        schedule=Schedule.from_toml('name = "none"\nphases = []\n'),
        data=data,
    )
    state = SuperNet(recipe.space, 5).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))
    return path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_supernet_is_trained_on_a_folder_and_a_network_of_it_cut_out(
    folder: Path, space: Path, arch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule, out, net = tmp_path / "short.toml", tmp_path / "s.safetensors", tmp_path / "net.pt"
    schedule.write_text(SCHEDULE)
    made = ["--schedule", str(schedule), "--workers", "2", "--out", str(out)]

    assert cli.main(["train", "--space", str(space), "--data", str(folder), *made]) == 0

    assert load_trained(out).data == str(folder)
    assert load_trained(out).class_names == CLASSES
    error = capsys.readouterr().err
    assert "images that cannot be read and are skipped: 3" in error
    assert "1.png: it is empty" in error
    assert "2.JPEG: it is not an image" in error
    assert "pipe.jpg: it is not a regular file" in error

    cut = ["extract", "--checkpoint", str(out), "--arch", str(arch), "--out", str(net)]
    assert cli.main(cut) == 0

    result = load_network(net)
    assert result.normalisation.mean == (123.675, 116.28, 103.53)
    assert "calibration" not in result.provenance
    assert result.class_names == CLASSES
    assert result.network(torch.zeros(2, 3, 16, 16)).shape == (2, 3)
    assert "cannot be read and are skipped: 3" in capsys.readouterr().err


def test_a_supernet_with_unknown_data_needs_images(
    folder: Path, arch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, net = untrained(tmp_path / "s.safetensors", "imagenet"), tmp_path / "net.pt"
    cut = ["extract", "--checkpoint", str(checkpoint), "--arch", str(arch), "--out", str(net)]

    assert cli.main(cut) == 2
    line = one_line(capsys)
    assert "'imagenet'" in line
    assert "a folder of images" in line
    assert "--data" in line
    assert not net.exists()

    assert cli.main([*cut, "--data", str(folder)]) == 0
    assert load_network(net).provenance["data"] == "imagenet"
    assert load_network(net).provenance["calibration"] == str(folder)
    assert load_network(net).class_names == CLASSES


def test_of_many_broken_images_ten_are_named(caplog: pytest.LogCaptureFixture) -> None:
    log_broken(())
    assert caplog.messages == []

    log_broken([Broken(Path(f"{number}.jpg"), "it is empty") for number in range(13)])

    lines = caplog.messages
    assert lines[0] == "images that cannot be read and are skipped: 13"
    assert lines[1] == "  0.jpg: it is empty"
    assert lines[10:] == ["  9.jpg: it is empty", "  and 3 more"]


def test_images_of_other_channels_are_refused(
    arch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, net = untrained(tmp_path / "s.safetensors", "digits"), tmp_path / "net.pt"
    cut = ["extract", "--checkpoint", str(checkpoint), "--arch", str(arch), "--out", str(net)]

    assert cli.main(cut) == 2
    assert "3 input channels and 3 classes, the data digits 1 and 10" in one_line(capsys)


def test_an_exported_network_is_judged_on_the_images_of_val(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, out = untrained(tmp_path / "s.safetensors", "imagenet"), tmp_path / "net.onnx"
    wanted = ["--arch", "smallest", "--format", "onnx", "--data", str(folder), "--out", str(out)]

    assert cli.main(["export", "--checkpoint", str(checkpoint), *wanted, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["provenance"]["calibration"] == str(folder)
    content, card = read_exported(out)
    assert card.class_names == CLASSES
    judge = AccuracyEvaluation.on(str(folder), card)
    score = judge(content)
    right = score.accuracy * 29  # of 30 images one cannot be read
    assert right == pytest.approx(round(right))
    assert 0 <= score.error < 0.2
    assert [item.path.name for item in judge.data.broken()][-1] == "3.png"


def test_accuracy_is_not_measured_on_images_of_other_classes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = make_folder(tmp_path / "others", train=80, val=4, side=28)
    for part in ("train", "val"):
        (others / part / CLASSES[2]).rename(others / part / "zebra")
    checkpoint, out = untrained(tmp_path / "s.safetensors", str(folder)), tmp_path / "net.onnx"
    made = ["--arch", "smallest", "--format", "onnx", "--data", str(folder), "--out", str(out)]
    assert cli.main(["export", "--checkpoint", str(checkpoint), *made]) == 0
    capsys.readouterr()

    made[-3] = str(others)
    net = tmp_path / "net.safetensors"
    cut = ["--checkpoint", str(checkpoint), "--arch", "smallest", "--out", str(net)]
    assert cli.main(["extract", *cut, "--data", str(folder)]) == 0
    assert cli.main(["export", "--network", str(net), *made[2:]]) == 0
    output = capsys.readouterr().out
    assert (
        f"accuracy: not measured (the classes of {others} are a four, naïve, zebra, the network's "
        "a four, naïve, zz)"
    ) in output
    with pytest.raises(InputError, match="its labels have another meaning"):
        AccuracyEvaluation.on(str(others), read_exported(out)[1])
