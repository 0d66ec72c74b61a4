"""Training from initial weights, from Python and the command line: records, notes, bad input."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from bench.digests import file_digest
from bench.errors import InputError
from ofabench.cli.main import main
from ofabench.options.train import TrainOptions
from ofabench.workflows.train.supernet import load_supernet
from ofabench.workflows.train.train import train
from supernet.data.torch_dataset import TorchData
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.weights.model import SuperNet
from tests.support.few_digits import use_few_digits
from tests.support.micro_supernets import micro_images, save_micro
from tests.support.training_child import SPACE

BIRDS = (
    SPACE.replace('"micro"', '"birds"')
    .replace("classes = 3", "classes = 5")
    .replace("in_channels = 1", "in_channels = 3")
)
SCHEDULE = """
name = "short"
phases = [
    {name = "head", trainable = "head", epochs = 1, lr = 0.1, batch = 50},
    {name = "all", epochs = 1, lr = 0.05, batch = 50},
]
"""
CHANGED = [
    "units.stem.block.main.conv.conv.weight",
    "units.head_classifier.block.main.linear.weight",
    "units.head_classifier.block.main.linear.bias",
]


@pytest.fixture
def options(tmp_path: Path) -> TrainOptions:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "short.toml").write_text(SCHEDULE)
    weights = save_micro(folder / "weights.safetensors")
    return TrainOptions(schedule=str(folder / "short.toml"), threads=1, init=weights)


def birds(classes: int = 5, names: tuple[str, ...] = ()) -> TorchData:
    """300 images of noise in colour, of so many classes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (300, 3, 12, 12), dtype=torch.uint8, generator=generator)
    labels = torch.arange(300) % classes
    return TorchData(train=TensorDataset(images, labels), name="birds", class_names=names)


def test_other_classes_and_channels(
    options: TrainOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ofabench")
    out = tmp_path / "birds.safetensors"

    supernet = train(SearchSpace.from_toml(BIRDS), birds(), out=out, options=options)

    assert options.init is not None
    expected = {
        "file": "weights.safetensors",
        "sha256": file_digest(options.init),
        "space": "micro",
        "reinitialised": CHANGED,
        "class_names": [],
    }
    assert json.loads(json.dumps(supernet.to_dict()))["init"] == expected
    assert json.loads(out.with_suffix(".jsonl").read_text().splitlines()[0])["init"] == expected
    line = (
        f"initial weights: weights.safetensors (SHA-256 {expected['sha256'][:12]}...); "
        f"re-initialised: {', '.join(CHANGED)}"
    )
    assert line in repr(supernet).splitlines()
    assert caplog.messages[0] == line
    assert caplog.messages[1].startswith("phase 'head' trains the head only: the re-initialised")
    assert supernet.finished
    assert len(supernet.evaluate([supernet.space.smallest()]).frame) == 1


def test_other_names_of_as_many_classes_are_said(
    options: TrainOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ofabench")
    first = train(
        SearchSpace.from_toml(BIRDS),
        birds(5, ("crow", "jay", "kite", "owl", "tit")),
        out=tmp_path / "first.safetensors",
        options=options,
    )
    caplog.clear()
    again = TrainOptions(schedule=options.schedule, threads=1, init=first.path)
    names = ("ant", "bee", "fly", "gnat", "wasp")

    second = train(
        SearchSpace.from_toml(BIRDS),
        birds(5, names),
        out=tmp_path / "second.safetensors",
        options=again,
    )

    assert second.to_dict()["init"]["reinitialised"] == []
    assert second.to_dict()["init"]["class_names"] == ["crow", "jay", "kite", "owl", "tit"]
    assert second.to_dict()["class_names"] == [*names]
    (note,) = [message for message in caplog.messages if "crow" in message]
    assert note.startswith("the classes of first.safetensors are crow, jay, kite, owl, tit, those")
    assert note.endswith("their number is equal, so the head is kept as it was trained")


def test_resuming_uses_the_weights_of_the_checkpoint(options: TrainOptions, tmp_path: Path) -> None:
    """A finished training is resumed with or without --init, but not with other weights."""
    out, space = tmp_path / "s.safetensors", SearchSpace.from_toml(SPACE)
    records = train(space, micro_images(), out=out, options=options).records
    before = out.read_bytes()

    def resume(init: Path | None) -> Any:
        values = {**options.to_dict(), "resume": True, "init": init}
        return train(space, micro_images(), out=out, options=TrainOptions(**values))

    assert resume(options.init).records == resume(None).records == records
    with pytest.raises(InputError, match="began from other weights"):
        resume(save_micro(tmp_path / "others.safetensors", seed=5))
    assert out.read_bytes() == before


def test_a_checkpoint_from_before_initial_weights_is_read(tmp_path: Path) -> None:
    supernet = load_supernet(save_micro(tmp_path / "old.safetensors"))

    assert supernet.checkpoint.init is None
    assert supernet.to_dict()["init"] is None


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the commands a small draw of the digits."""
    use_few_digits(monkeypatch, test=1)


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    space = SearchSpace.load("tiny")
    recipe = Recipe(space=space, schedule=Schedule.from_toml(IMPORTED), data="d")
    state = SuperNet(space).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))
    return path


def command(folder: Path, *change: str) -> int:
    (folder / "head.toml").write_text(SCHEDULE.replace("batch = 50", "batch = 64"))
    argv = ["train", "--space", "tiny", "--schedule", str(folder / "head.toml"), "--threads", "1"]
    return main([*argv, "--out", str(folder / "out.safetensors"), *change])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ([], "trains the head only, and the other weights would be random"),
        (["--init", "FOLDER/none"], "cannot read"),
        (["--init", "FOLDER/head.toml"], "is not a supernet written by ofabench"),
        (["--init", "FOLDER/micro.safetensors"], "has weights of the space micro, which tiny"),
        (["--init", "TINY", "--resume"], "does not exist, so it cannot be resumed"),
        # The space's head has five classes, the digits ten: no data has been given for it.
        (["--init", "TINY", "--space", "FOLDER/five.toml"], "5 classes, the data digits 1 and 10"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    tiny_weights: Path,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    says: str,
) -> None:
    save_micro(tmp_path / "micro.safetensors")
    five = SearchSpace.load("tiny").text.replace('name = "tiny"', 'name = "five"')
    (tmp_path / "five.toml").write_text(five.replace("classes = 10", "classes = 5"))
    places = {"FOLDER": str(tmp_path), "TINY": str(tiny_weights)}
    for place, path in places.items():
        change = [word.replace(place, path) for word in change]

    assert command(tmp_path, *change) == 2

    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert says in errors[0]
    assert not list(tmp_path.glob("out*"))


@pytest.mark.slow
def test_the_command_names_the_initial_weights(
    tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, "--init", str(tiny_weights)) == 0

    output, errors = capsys.readouterr()
    assert "initial weights: tiny.safetensors (SHA-256 " in output
    assert "re-initialised: none" in errors
    assert load_checkpoint(tmp_path / "out.safetensors").init is not None
