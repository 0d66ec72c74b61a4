"""`ofabench finetune` and `deploy --finetune`, and what they say to bad input."""

import json
from pathlib import Path

import pytest

from bench.errors import InterruptedSweepError
from ofabench.cli.main import main
from ofabench.workflows.finetune import finetune as workflow
from ofabench.workflows.finetune.finetune import state_path
from supernet.export.network_file import load_network
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.train.tensorboard import event_files
from supernet.weights.model import SuperNet
from tests.support.few_digits import use_few_digits

TINY = SearchSpace.load("tiny")
QUICK = ["--epochs", "1", "--batch", "100", "--threads", "1"]


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the commands a small draw of the digits."""
    use_few_digits(monkeypatch, validation=100, test=60)


@pytest.fixture
def supernet(tmp_path: Path) -> Path:
    """An untrained supernet that counts as trained."""
    path = tmp_path / "s.safetensors"
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml(IMPORTED), data="digits", seed=4)
    state = SuperNet(TINY, seed=4).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))
    return path


@pytest.mark.slow
def test_a_network_of_a_supernet_is_fine_tuned_and_exported(
    supernet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model = tmp_path / "net.safetensors", tmp_path / "net.onnx"

    events = ["--tensorboard", str(tmp_path / "tb")]
    code = main(
        ["finetune", str(supernet), "--arch", "smallest", *QUICK, *events, "--out", str(out)]
    )

    assert code == 0
    assert len(event_files(tmp_path / "tb" / "net.finetune")) == 1
    printed = capsys.readouterr().out.splitlines()
    assert json.loads(printed[0])["space"] == "tiny"
    assert printed[2].startswith("  Fine-tuned on digits for 1 epoch; ")
    assert printed[3].startswith("  On 100 validation images, which chose the epoch: ")
    assert printed[4] == str(out)
    assert main(["export", "--network", str(out), "--format", "onnx", "--out", str(model)]) == 0
    card = json.loads((tmp_path / "net.onnx.json").read_text())
    assert card["finetuning"]["epochs"] == 1
    assert card["arch"] == TINY.smallest().to_json()
    # The result is fine-tuned again as any other network.
    again = tmp_path / "again.safetensors"
    assert main(["finetune", str(out), *QUICK, "--ema", "0.9", "--out", str(again)]) == 0
    assert load_network(again).blocks == load_network(out).blocks


@pytest.mark.slow
def test_deploy_fine_tunes_and_continues_an_interrupted_one(
    supernet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_few_digits(monkeypatch, train=260, validation=100, test=60)
    out = tmp_path / "net"
    command = ["deploy", "--checkpoint", str(supernet), "--arch", "smallest", "--no-verify"]
    command += ["--finetune", "1", "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(workflow, "_finish", _interrupted)
        assert main(command) == 130
    assert "continue with the same command" in capsys.readouterr().err
    assert not out.exists()
    assert state_path(tmp_path / "net.network.safetensors").exists()

    assert main(command) == 0

    card = json.loads((out / "card.json").read_text())
    record = card["model"]["finetuning"]
    assert (record["data"], record["epochs"]) == ("digits", 1)
    assert "Fine-tuned on digits for 1 epoch" in (out / "card.md").read_text()
    assert load_network(out / "network.safetensors").finetuning is not None
    assert (out / "finetuning.jsonl").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net", "s.safetensors"]
    printed = capsys.readouterr().out
    assert "Fine-tuned on digits" in printed
    assert main(command) == 0
    assert main([*command, "--finetune", "2"]) == 2
    assert "other finetune" in capsys.readouterr().err


def _interrupted(*args: object) -> None:
    raise InterruptedSweepError("stopped")


def test_bad_input_is_one_line(
    supernet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "net.safetensors")]
    wrong = {
        f"finetune {supernet}": "is a supernet: give --arch",
        f"finetune {supernet} --arch nothing.json": "cannot read nothing.json",
        f"finetune {supernet} --arch smallest --batch 300": "batches of 300, the data has 200",
        f"finetune {supernet} --arch smallest --ema 1": "--ema",
        f"finetune {supernet} --arch smallest --epochs 0": "--epochs",
        f"finetune {supernet} --arch smallest --precision float16": "float16 trains on CUDA",
        f"finetune {supernet} --arch smallest --teacher {tmp_path}": "cannot read",
        f"finetune {tmp_path / 'none'}": "cannot read",
    }
    for line, message in wrong.items():
        code: object
        try:
            code = main([*line.split(), *out])
        except SystemExit as end:  # argparse's own checks
            code = end.code
        error = capsys.readouterr().err
        assert (code, message in error) == (2, True), error
        assert "Traceback" not in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.safetensors"]
