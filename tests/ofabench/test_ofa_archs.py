"""Commands that read networks take them as the package `ofa` prints them, with the space named."""

import json
from pathlib import Path

import pytest

from bench.sweep.store import SweepStore
from ofabench.cli import main as cli
from supernet.export.network_file import load_network
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet
from tests.support.few_digits import use_few_digits
from tests.support.search_runs import TARGET, latency

TINY, MBV3 = SearchSpace.load("tiny"), SearchSpace.load("ofa-mbv3-w1.0")
SMALLEST = TINY.smallest()
PRINTED = str({
    "wid": None,
    "ks": SMALLEST.kernels[0],
    "e": [SMALLEST.expands[0]] * 3,
    "d": list(SMALLEST.depths),
    "r": [SMALLEST.resolution],
})  # fmt: skip
MOBILE = json.dumps({"config": {"ks": 7, "e": [6] * 5, "d": [4] * 5}, "image_size": 224})


@pytest.fixture
def archs(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text(PRINTED + "\n")
    return path


@pytest.fixture
def mobile(tmp_path: Path) -> Path:
    path = tmp_path / "m.json"
    path.write_text(MOBILE)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_few_digits(monkeypatch, validation=100, test=100)
    schedule = "name = 'none'\n[[phases]]\nname = 'full'\nepochs = 1\nlr = 0.1\nbatch = 8\n"
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml(schedule), data="digits", seed=4)
    path, state = tmp_path / "net.safetensors", SuperNet(TINY, seed=4).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=1, epoch=0, network=state))
    return path


def fails(capsys: pytest.CaptureFixture[str], *command: object) -> str:
    assert cli.main([str(word) for word in command]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_predict(archs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictor = tmp_path / "p.parquet"
    latency("tiny", TARGET).save(predictor)
    command = ["predict", str(predictor), "--archs", str(archs)]

    assert cli.main([*command, "--space", "tiny"]) == 0

    line = json.loads(capsys.readouterr().out)
    assert line["space"] == "tiny"
    assert line["depths"] == list(SMALLEST.depths)
    macs = sum(block.macs for block in TINY.blocks(SMALLEST))
    assert line["latency_ms"] == pytest.approx(macs / 1e6)  # a ns a MAC
    assert cli.main(command) == 0  # only one shipped space has such a network
    assert json.loads(capsys.readouterr().out) == line
    wrong = fails(capsys, *command, "--space", "ofa-resnet50d")
    assert "a.jsonl, line 1: " in wrong or "a.jsonl: " in wrong


def test_space_check(mobile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["space", "check", str(mobile), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["space"] for row in rows] == ["ofa-mbv3-w1.0", "ofa-mbv3-w1.2"]
    assert rows[0]["arch"] == MBV3.largest(224).to_json()

    command = ["space", "check", str(mobile), "--space", "ofa-mbv3-w1.2", "--json"]
    assert cli.main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["space"] == "ofa-mbv3-w1.2"
    mobile.write_text(json.dumps({"ks": 7, "e": 6, "d": 4}))
    assert "has no r, image_size or resolution" in fails(capsys, *command)
    assert cli.main([*command, "--resolution", "160"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["resolution"] == 160


def test_space_export_net(mobile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["space", "export-net", "--arch", str(mobile)]

    assert cli.main([*command, "--space", "ofa-mbv3-w1.0"]) == 0

    assert len(json.loads(capsys.readouterr().out)["blocks"]) == 21
    assert "ofa-mbv3-w1.0, ofa-mbv3-w1.2 all have it; give --space" in fails(capsys, *command)


def test_extract_and_export(archs: Path, checkpoint: Path, tmp_path: Path) -> None:
    cut, model = tmp_path / "cut.safetensors", tmp_path / "model.onnx"
    source = ["--checkpoint", str(checkpoint), "--arch", str(archs)]

    assert cli.main(["extract", *source, "--out", str(cut)]) == 0
    assert cli.main(["export", *source, "--format", "onnx", "--out", str(model)]) == 0

    assert load_network(cut).arch == SMALLEST
    assert json.loads((tmp_path / "model.onnx.json").read_text())["arch"] == SMALLEST.to_json()


def test_deploy(archs: Path, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "deployed"
    command = ["deploy", "--checkpoint", str(checkpoint), "--arch", str(archs), "--format", "onnx"]

    assert cli.main([*command, "--no-accuracy", "--no-verify", "--out", str(out)]) == 0

    assert json.loads((out / "card.json").read_text())["model"]["arch"] == SMALLEST.to_json()


@pytest.mark.slow
def test_sweep(archs: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.sqlite"
    command = ["sweep", "--space", "tiny", "--device", "cpu", "--backend", "torch", "--force"]
    command += ["--blocks", "1", "--archs", str(archs), "--loads", "2", "--passes", "3"]

    assert cli.main([*command, "--out", str(out)]) == 0

    with SweepStore.open(out) as store:
        labels = {o.workload.label for o in store.measurements() if o.workload.role == "network"}
    assert labels == {TINY.to_line(SMALLEST)}
