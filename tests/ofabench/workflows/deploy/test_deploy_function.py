"""`deploy` as a Python function: networks, results and predictors in memory."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from bench.errors import FileError, InputError
from ofabench.options.deploy import DeployOptions, DeployRequest
from ofabench.options.export import ExportOptions
from ofabench.options.search import SearchOptions
from ofabench.workflows.deploy.deploy import deploy
from ofabench.workflows.search.search import latency_limit, search
from ofabench.workflows.train.supernet import load_supernet
from supernet.data import open_data
from supernet.data.digits import load_digits_parts
from supernet.data.digits_parts import DatasetParts
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet
from tests.support.search_runs import TARGET, TINY, latency

SCHEDULE = """
name = "none"
[[phases]]
name = "full"
epochs = 1
lr = 0.1
batch = 8
"""
QUICK = DeployOptions(verify=False, form=ExportOptions(accuracy=False))


def small_digits(seed: int) -> DatasetParts:
    splits = load_digits_parts(train=220, validation=40, test=50, seed=seed)
    return DatasetParts(name="digits", channels=1, classes=10, size=32, splits=splits)


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_data._DATASETS, "digits", small_digits)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained supernet that counts as trained."""
    path = tmp_path_factory.mktemp("train") / "net.safetensors"
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml(SCHEDULE), data="digits", seed=4)
    state = SuperNet(TINY, seed=4).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=1, epoch=0, network=state))
    return path


def test_an_architecture_in_memory_is_deployed_once(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arch = TINY.smallest(28)

    made = deploy(load_supernet(checkpoint), tmp_path / "net", arch=arch, options=QUICK)

    assert made.model == tmp_path / "net" / "model.onnx"
    assert made.model.exists()
    assert made.to_dict()["model"]["arch"]["resolution"] == 28
    assert made.to_dict() == json.loads((tmp_path / "net" / "card.json").read_text())
    assert (made.failed, made.accuracy) == (False, None)
    assert str(made).splitlines()[0] == TINY.to_line(arch)
    caplog.set_level(logging.INFO)
    again = deploy(checkpoint, tmp_path / "net", arch=arch, options=QUICK)
    assert again.to_dict() == made.to_dict()
    assert "net exists already, finished and complete" in caplog.text
    with pytest.raises(FileError, match="holds another deployment \\(other arch\\)"):
        deploy(checkpoint, tmp_path / "net", arch="smallest", options=QUICK)


def test_a_search_result_is_deployed_with_predictors_in_memory(
    checkpoint: Path, tmp_path: Path
) -> None:
    def deep(archs: list[Any]) -> list[float]:
        return [0.5 + sum(arch.depths) / 100 for arch in archs]

    predictor, options = latency("tiny", TARGET), SearchOptions(budget=300, patience=5)
    result = search("tiny", deep, latency_limit(predictor, 2), options)

    made = deploy(checkpoint, tmp_path / "net", arch=result, latencies=predictor, options=QUICK)

    card = made.to_dict()
    assert json.loads((tmp_path / "net" / "search.json").read_text())["limits"] == result.limits
    assert card["model"]["arch"] == result.arch.to_json()
    assert card["latency"][0]["predicted_ms"] == pytest.approx(result.predictions[TARGET.key])
    assert card["latency"][0]["limit_ms"] == 2
    files = {item["what"]: item["file"] for item in card["sources"]}
    assert files["search"] == "search.json"
    assert files["latency predictor"] == "latency-1.parquet"
    assert "not requested (--no-verify)" in str(made)


def test_a_network_in_memory_is_deployed(checkpoint: Path, tmp_path: Path) -> None:
    cut = load_supernet(checkpoint).extract("smallest")

    made = deploy(None, tmp_path / "net", network=cut, options=QUICK)

    assert made.to_dict()["model"]["arch"] == TINY.smallest().to_json()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"supernet": None}, "give a supernet or a network, one of them"),
        ({"supernet": 3, "arch": "smallest"}, "the supernet is 3, expected a supernet or its file"),
        ({}, "give --arch"),
        ({"arch": "smallest", "latencies": 3}, "expected a file of `ofabench fit`"),
        ({"arch": "smallest", "result": 3}, "the result is 3, expected a result of `search`"),
        ({"arch": "smallest", "pick": 2}, "--pick chooses a network of --arch or --result"),
        ({"arch": 3}, "arch is 3, expected an ArchConfig"),
    ],
)
def test_wrong_arguments_are_refused_and_write_no_file(
    given: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    whole = {"supernet": checkpoint, **given}

    with pytest.raises(InputError, match=message):
        deploy(out=tmp_path / "net", options=QUICK, **whole)

    assert not (tmp_path / "net").exists()


def test_a_request_with_incompatible_arguments_is_refused() -> None:
    with pytest.raises(InputError, match="--max-macs limits a search, which needs --accuracy"):
        DeployRequest.read({"checkpoint": "c", "arch": "smallest", "max_macs": "1M", "out": "o"})
    with pytest.raises(InputError, match="leave --pick out"):
        DeployRequest.read({"checkpoint": "c", "accuracy": "a", "pick": 1, "out": "o"})
