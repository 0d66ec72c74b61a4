"""`ofabench evaluate-subnets` and `ofabench accuracy --table`, from a checkpoint to a predictor."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from latency_models.tables.networks import NetworksTable
from ofabench.cli import main as cli
from supernet.accuracy import measure, mlp_fit
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.data import open_data
from supernet.data.dataset import Score
from supernet.data.digits_parts import DatasetParts
from supernet.data.open_data import get_dataset
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.weights.model import SuperNet
from tests.support.few_digits import few_digits, use_few_digits
from tests.support.measured_accuracy import measure_accuracy as measured_alone

TINY = SearchSpace.load("tiny")


@pytest.fixture(autouse=True)
def _few_images_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    use_few_digits(monkeypatch)
    monkeypatch.setattr(mlp_fit, "WIDTHS", (16,))
    monkeypatch.setattr(mlp_fit, "LEAST_STEPS", 20)


def save(path: Path, seed: int = 4) -> Path:
    """An untrained supernet that counts as trained."""
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml(IMPORTED), data="digits", seed=seed)
    state = SuperNet(TINY, seed=seed).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))
    return path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Codes in the order in which they are measured; each measurement is made up."""
    codes_seen: list[tuple[int, ...]] = []

    def made_up(supernet: Any, codes: Any, *rest: Any) -> Iterator[tuple[int, Score]]:
        for row, code in enumerate(codes.tolist()):
            codes_seen.append(tuple(code))
            depth = 0.5 + 0.01 * sum(code[1:4]) + 0.002 * code[0]
            yield row, Score(accuracy=depth, error=0.01, images=200, groups=20)

    monkeypatch.setattr(measure, "measure_each", made_up)
    return codes_seen


def evaluate(folder: Path, *more: str) -> int:
    common = ("--checkpoint", str(folder / "net.safetensors"), "--images", "150")
    return cli.main(["evaluate-subnets", *common, *more, "--out", str(folder / "n.parquet")])


def test_accuracies_are_those_of_each_network_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "net.safetensors")

    assert evaluate(tmp_path, "--networks", "3", "--json") == 0

    table = NetworksTable.load(tmp_path / "n.parquet")
    assert [*table.frame.columns] == [*TINY.columns, "accuracy", "accuracy_error"]
    assert table.space == "tiny"
    data = get_dataset("digits")
    validation = data.validation.subset(150, np.random.default_rng(0))
    supernet = SuperNet(TINY, seed=4).eval()
    for row, arch in zip(table.frame.itertuples(), TINY.from_frame(table.frame), strict=True):
        alone = measured_alone(supernet, arch, data.train.images, validation)
        assert (row.accuracy, row.accuracy_error) == (alone.accuracy, alone.error)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["networks"], printed["images"], printed["calibration"]) == (3, 150, 200)
    assert printed["part"] == "validation"


def test_more_networks_later_measure_only_the_new(
    tmp_path: Path, measured: list[tuple[int, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "net.safetensors")
    assert evaluate(tmp_path, "--networks", "8") == 0
    first = pd.read_parquet(tmp_path / "n.parquet")

    assert evaluate(tmp_path, "--networks", "12") == 0

    assert len(measured) == len({*measured}) == 12
    assert "8 of 12 networks are measured already" in capsys.readouterr().err
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "n.parquet").head(8), first)


def test_accuracies_measured_before_a_stop_are_not_measured_again(
    tmp_path: Path,
    measured: list[tuple[int, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(tmp_path / "net.safetensors")
    whole = measure.measure_each

    def stopped(*args: Any) -> Iterator[tuple[int, Score]]:
        for row, score in whole(*args):
            if len(measured) > 5:
                raise KeyboardInterrupt
            yield row, score

    monkeypatch.setattr(measure, "measure_each", stopped)
    assert evaluate(tmp_path, "--networks", "9") == 130
    assert "5 networks are stored" in capsys.readouterr().err
    assert not (tmp_path / "n.parquet").exists()

    monkeypatch.setattr(measure, "measure_each", whole)
    assert evaluate(tmp_path, "--networks", "9") == 0

    assert len(measured) == 10  # the sixth twice: it was not kept
    assert len({*measured}) == 9


def test_networks_of_a_file_are_measured(tmp_path: Path, measured: list[tuple[int, ...]]) -> None:
    save(tmp_path / "net.safetensors")
    archs = [TINY.smallest(24), TINY.largest(28), TINY.smallest(24)]
    (tmp_path / "a.jsonl").write_text("\n".join(TINY.to_line(arch) for arch in archs))

    assert evaluate(tmp_path, "--archs", str(tmp_path / "a.jsonl")) == 0
    assert TINY.from_frame(pd.read_parquet(tmp_path / "n.parquet")) == archs[:2]

    assert evaluate(tmp_path, "--archs", str(tmp_path / "a.jsonl"), "--networks", "4") == 0
    assert TINY.from_frame(pd.read_parquet(tmp_path / "n.parquet"))[:2] == archs[:2]
    assert len(measured) == len({*measured}) == 5  # one of the file is an end of the space too


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> str:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert evaluate(folder, *more) == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_wrong_input_is_refused_and_changes_no_file(
    tmp_path: Path, measured: list[tuple[int, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "net.safetensors")
    other = SearchSpace.load("ofa-mbv3-w1.0")
    (tmp_path / "other.jsonl").write_text(other.to_line(other.smallest()))
    (tmp_path / "none.jsonl").write_text("\n")

    assert "ofa-mbv3-w1.0" in refused(capsys, tmp_path, "--archs", str(tmp_path / "other.jsonl"))
    assert "no network" in refused(capsys, tmp_path, "--archs", str(tmp_path / "none.jsonl"))
    assert "more than 2" in refused(capsys, tmp_path, "--networks", "2")
    assert "no data set 'cifar'" in refused(capsys, tmp_path, "--data", "cifar")

    assert evaluate(tmp_path, "--networks", "4") == 0
    capsys.readouterr()
    save(tmp_path / "net.safetensors", seed=5)
    assert "measured with weights" in refused(capsys, tmp_path, "--networks", "4")


def test_images_that_the_networks_do_not_take_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def other_images(seed: int) -> DatasetParts:
        return replace(few_digits(seed), classes=11)

    save(tmp_path / "net.safetensors")
    monkeypatch.setitem(open_data._DATASETS, "digits", other_images)

    assert (
        "the space tiny has 1 input channels and 10 classes, the data digits 1 and 11"
        in refused(capsys, tmp_path)
    )


def test_a_predictor_is_fitted_on_the_table(
    tmp_path: Path, measured: list[tuple[int, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "net.safetensors")
    assert evaluate(tmp_path, "--networks", "40") == 0
    common = ["accuracy", "--table", str(tmp_path / "n.parquet"), "--out", str(tmp_path / "a")]
    capsys.readouterr()

    assert cli.main([*common, "--json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["model"] == "kernel"  # an additive accuracy is found exactly
    assert [item["kind"] for item in data["compared"]] == ["kernel", "mlp"]
    assert data["compared"][0]["held_out"]["judged"] == 8
    assert data["compared"][0]["held_out"]["kendall"] > 0.8  # many are equal
    assert (data["measured_error"], data["table"]) == (0.01, "n.parquet")
    predictor = AccuracyPredictor.load(tmp_path / "a")
    predictor.check_space(TINY)
    assert len(predictor.codes) == 40
    assert predictor.cross_validation.pairs == 40

    assert cli.main([*common, "--model", "mlp"]) == 0
    out = capsys.readouterr().out
    assert "held-out        error" in out
    assert "standard error of one measured accuracy 1.00%" in out
    assert AccuracyPredictor.load(tmp_path / "a").model.kind == "mlp"


def test_accuracies_of_any_type_are_read_and_a_wrong_row_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, archs = tmp_path / "n.csv", TINY.sample(np.random.default_rng(0), 12)
    frame = TINY.to_frame(archs).astype("float64").assign(accuracy=np.linspace(0.5, 0.61, 12))
    argv = ["accuracy", "--table", str(path), "--space", "tiny", "--model", "kernel"]
    frame.convert_dtypes().to_csv(path, index=False)

    assert cli.main([*argv, "--out", str(tmp_path / "a")]) == 0
    assert len(AccuracyPredictor.load(tmp_path / "a").codes) == 12
    capsys.readouterr()
    frame.astype(str).assign(accuracy=[*["0.5"] * 11, "high"]).to_csv(path, index=False)
    assert cli.main([*argv, "--out", str(tmp_path / "b")]) == 2

    assert "column 'accuracy' is high in row 11, expected a number" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_table_without_accuracies_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "n.parquet"
    frame = TINY.to_frame([TINY.smallest(24)])
    NetworksTable(frame=frame, space="tiny", targets={}, provenance={}).save(path)

    assert cli.main(["accuracy", "--table", str(path), "--out", str(tmp_path / "a")]) == 2

    assert "lacks the column 'accuracy'" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
