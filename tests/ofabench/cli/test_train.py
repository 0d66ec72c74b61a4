"""`ofabench train` and `extract`, and what they say to bad input."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from ofabench.cli.main import main
from supernet.export.network_file import load_network
from supernet.space.space import SearchSpace
from supernet.train import trainer
from supernet.train.checkpoint import Checkpoint, Recipe, load_trained, save_checkpoint
from supernet.train.schedule import Schedule
from supernet.train.tensorboard import event_files
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import digest_tensors
from tests.support.few_digits import use_few_digits

SCHEDULE = """
name = "shortest"
phases = [{name = "all", epochs = 1, lr = 0.05, batch = 64}]
"""
ARCH = SearchSpace.load("tiny").smallest()


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the commands a small draw of the digits."""
    use_few_digits(monkeypatch, test=1)


@pytest.fixture
def schedule(tmp_path: Path) -> Path:
    path = tmp_path / "shortest.toml"
    path.write_text(SCHEDULE)
    return path


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads torch has when a training runs."""
    seen, whole = [], trainer.train

    def watched(*args: Any) -> SuperNet:
        seen.append(torch.get_num_threads())
        return whole(*args)

    monkeypatch.setattr(trainer, "train", watched)
    return seen


@pytest.mark.slow
def test_train_and_extract(
    tmp_path: Path, schedule: Path, capsys: pytest.CaptureFixture[str], threads: list[int]
) -> None:
    before = torch.get_num_threads()
    out, arch, net = (
        tmp_path / "super.safetensors",
        tmp_path / "a.jsonl",
        tmp_path / "net.safetensors",
    )
    space = SearchSpace.load("tiny")
    arch.write_text(space.to_line(ARCH) + "\n")

    made = ["--schedule", str(schedule), "--seed", "3", "--threads", "1", "--out", str(out)]
    made += ["--tensorboard", str(tmp_path / "tb")]
    assert main(["train", "--space", "tiny", *made]) == 0
    output = capsys.readouterr().out
    assert re.search(rf"supernet of tiny, trained in \d+ s: {re.escape(str(out))}", output)
    assert threads == [1]
    assert torch.get_num_threads() == before
    assert load_trained(out).seed == 3
    assert len(event_files(tmp_path / "tb" / "super")) == 1

    assert main(["extract", "--checkpoint", str(out), "--arch", str(arch), "--out", str(net)]) == 0

    assert json.loads(capsys.readouterr().out.splitlines()[0])["space"] == "tiny"
    cut = load_network(net)
    assert (cut.space, cut.arch, cut.blocks) == ("tiny", ARCH, space.blocks(ARCH))
    assert cut.provenance == {
        "checkpoint": "super.safetensors",
        "weights": digest_tensors(load_trained(out).network),
        "data": "digits",
        "schedule": "shortest",
        "seed": 3,
    }
    images = torch.zeros(2, 1, ARCH.resolution, ARCH.resolution)
    assert cut.network(images).shape == (2, 10)
    assert not cut.network.training


def test_a_stopped_training_names_the_command_to_resume(
    tmp_path: Path,
    schedule: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("supernet.train.trainer.train", stop)
    out = tmp_path / "super.safetensors"

    code = main(["train", "--space", "tiny", "--schedule", str(schedule), "--out", str(out)])

    assert code == 130
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--space", "nope"], "unknown space 'nope'"),
        (["--schedule", "nope"], "unknown schedule 'nope'"),
        (["--data", "nope"], "no data set 'nope'"),
        (["--threads", "0"], "at least 1, got '0'"),
        (["--seed", "-1"], "at least 0, got '-1'"),
        (["--resume"], "does not exist, so it cannot be resumed"),
        (["--out", "/nowhere/super.safetensors"], "cannot write /nowhere/super.safetensors"),
        (["--device", "tpu"], "expected cpu, cuda or cuda:N"),
        (["--precision", "float16"], "float16 trains on CUDA devices only"),
        (["--accumulate", "3"], "3 micro-batches cannot share evenly"),
        (["--latency", "p.parquet"], "got 1 --latency and 0 --max-latency-ms"),
        (["--max-latency-ms", "3"], "got 0 --latency and 1 --max-latency-ms"),
        (["--latency-focus", "best-up"], "compares sub-networks by a --latency"),
        (["--latency", "p.parquet", "--latency-focus", "best-up"], "cannot read p.parquet"),
        (["--space", "ofa-mbv3-w1.0"], "3 input channels and 1000 classes"),
    ],
)
def test_bad_input_to_train(
    tmp_path: Path,
    schedule: Path,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    says: str,
) -> None:
    out = tmp_path / "super.safetensors"
    argv = ["train", "--space", "tiny", "--schedule", str(schedule), "--out", str(out), *change]

    assert _code(argv) == 2

    message = capsys.readouterr().err
    assert says in message
    assert len([line for line in message.splitlines() if line.startswith("ofabench:")]) == 1
    assert not out.exists()


def test_a_supernet_that_exists_is_not_trained_over(
    tmp_path: Path, schedule: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "super.safetensors"
    out.write_text("precious")

    argv = ["train", "--space", "tiny", "--schedule", str(schedule), "--out", str(out)]
    assert main(argv) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*argv, "--resume"]) == 2
    assert "not a supernet written by ofabench" in capsys.readouterr().err
    assert out.read_text() == "precious"


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extract") / "super.safetensors"
    recipe = Recipe(
        space=SearchSpace.load("tiny"), schedule=Schedule.from_toml(SCHEDULE), data="digits"
    )
    state = SuperNet(recipe.space).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=1, epoch=0, network=state))
    return path


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "neither a search's result nor a line"),
        (SearchSpace.load("tiny").to_line(ARCH).replace("tiny", "other"), "a network of other"),
        (SearchSpace.load("tiny").to_line(ARCH).replace("24", "25"), "resolution"),
        ('{"space": "tiny"}', "resolution is missing"),
    ],
)
def test_bad_architectures_to_extract(
    tmp_path: Path, supernet: Path, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    arch, net = tmp_path / "a.jsonl", tmp_path / "net.safetensors"
    arch.write_text(line)

    argv = ["extract", "--checkpoint", str(supernet), "--arch", str(arch), "--out", str(net)]

    assert main(argv) == 2
    assert says in capsys.readouterr().err
    assert not net.exists()


def test_extract_refuses_other_files_than_supernets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch, bad = tmp_path / "a.jsonl", tmp_path / "bad.safetensors"
    arch.write_text(SearchSpace.load("tiny").to_line(ARCH))
    bad.write_bytes(b"nothing of ours")

    for path, says in ((bad, "is not a supernet"), (tmp_path / "none.safetensors", "cannot read")):
        argv = ["extract", "--checkpoint", str(path), "--arch", str(arch)]
        assert main([*argv, "--out", str(tmp_path / "net.safetensors")]) == 2
        assert says in capsys.readouterr().err


def _code(argv: list[str]) -> int:
    """Exit code, be it returned or, as argparse does it, raised."""
    try:
        return main(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
