"""`ofabench accuracy` and `ofabench export` from a checkpoint's file to theirs."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.backends.registry import get_backend
from ofabench.cli import main as cli
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.data import open_data
from supernet.data.dataset import Dataset, resize
from supernet.data.digits import load_digits_parts
from supernet.data.digits_parts import DatasetParts
from supernet.data.open_data import get_dataset
from supernet.data.wilson import format_share
from supernet.export import output_check
from supernet.export.export import run_file
from supernet.export.model_card import read_exported
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.recalibrate import extract_calibrated
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet

TINY = SearchSpace.load("tiny")
SCHEDULE = """
name = "none"
[[phases]]
name = "full"
epochs = 1
lr = 0.1
batch = 8
"""


def small_digits(seed: int) -> DatasetParts:
    splits = load_digits_parts(train=300, validation=300, test=300, seed=seed)
    return DatasetParts(name="digits", channels=1, classes=10, size=32, splits=splits)


@pytest.fixture(autouse=True)
def _few_images_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_data._DATASETS, "digits", small_digits)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained supernet that counts as trained."""
    path = tmp_path_factory.mktemp("train") / "net.pt"
    _save(path, phase=1)
    return path


def _save(path: Path, phase: int) -> None:
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml(SCHEDULE), data="digits", seed=4)
    state = SuperNet(TINY, seed=4).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=phase, epoch=0, network=state))


def line(tmp_path: Path, text: str | None = None) -> str:
    path = tmp_path / "arch.json"
    path.write_text(text or TINY.to_line(TINY.smallest(24)))
    return str(path)


def export(checkpoint: Path, arch: str, out: Path, form: str = "onnx") -> int:
    common = ("export", "--checkpoint", str(checkpoint), "--arch", arch)
    return cli.main([*common, "--format", form, "--out", str(out)])


@pytest.mark.parametrize("form", ["onnx", "tflite", "torch"])
def test_a_sub_network_is_exported(form: str, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / f"net.{form}"

    assert export(checkpoint, line(tmp_path), out, form) == 0

    content, card = read_exported(out)
    assert card.space == "tiny"
    assert card.arch == TINY.smallest(24)
    assert card.provenance["data"] == "digits"
    assert card.provenance["seed"] == 4
    images = resize(get_dataset("digits").validation.images, 24)
    network = extract_calibrated(
        SuperNet(TINY, seed=4), card.arch, get_dataset("digits").train.images
    )
    expected = network(images[:2]).detach().numpy()
    actual = run_file(content, get_backend(form), images[:2].contiguous().numpy())
    assert actual == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("word", ["largest", "smallest"])
def test_the_ends_of_a_space_go_by_words(word: str, checkpoint: Path, tmp_path: Path) -> None:
    assert export(checkpoint, word, tmp_path / "net.onnx") == 0

    _, card = read_exported(tmp_path / "net.onnx")
    assert card.arch == (TINY.largest() if word == "largest" else TINY.smallest())


def no_test_images(parts: DatasetParts) -> Dataset:
    raise AssertionError("test images were looked at")


def test_int8_prints_accuracy_before_and_after(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DatasetParts, "test", property(no_test_images))
    # An untrained network's classes are near ties, which int8 decides otherwise.
    monkeypatch.setattr(output_check, "LEAST_AGREEMENT", 0.1)
    out = tmp_path / "net.onnx"
    argv = ["export", "--checkpoint", str(checkpoint), "--arch", line(tmp_path), "--out", str(out)]
    more = ["--format", "onnx", "--precision", "int8", "--calibration", "30", "--images", "80"]

    assert cli.main([*argv, *more]) == 0

    content, card = read_exported(out)
    judged = get_dataset("digits").validation.subset(80, np.random.default_rng(0))
    pixels = resize(judged.images, 24).contiguous()
    labels = judged.labels.numpy()
    network = extract_calibrated(
        SuperNet(TINY, seed=4), card.arch, get_dataset("digits").train.images
    )
    before = network(pixels).detach().numpy().argmax(axis=1) == labels
    actual = run_file(content, get_backend("onnx"), pixels.numpy(), "int8")
    result = card.accuracies
    assert result is not None
    assert (result.images, result.part, result.data) == (80, "validation", "digits")
    assert result.before == pytest.approx(before.mean())
    assert result.after == pytest.approx((actual.argmax(axis=1) == labels).mean())
    assert card.calibration is not None
    assert (card.calibration.data, card.calibration.images) == ("digits", 30)
    output = capsys.readouterr().out
    assert f"{format_share(result.before, result.before_interval)} before" in output
    assert f"{format_share(result.after, result.after_interval)} after" in output


def test_an_extracted_network_gives_the_checkpoints_file(checkpoint: Path, tmp_path: Path) -> None:
    net, out = tmp_path / "net.safetensors", tmp_path / "again.onnx"
    arch = line(tmp_path)
    assert export(checkpoint, arch, tmp_path / "net.onnx") == 0
    argv = ["extract", "--checkpoint", str(checkpoint), "--arch", arch, "--out", str(net)]
    assert cli.main(argv) == 0

    assert cli.main(["export", "--network", str(net), "--format", "onnx", "--out", str(out)]) == 0

    (first, card), (second, again) = read_exported(tmp_path / "net.onnx"), read_exported(out)
    assert first == second
    assert (card.provenance, card.accuracies) == (again.provenance, again.accuracies)


def test_a_missing_accuracy_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "net.onnx")
    argv = ["export", "--checkpoint", str(checkpoint), "--arch", "smallest", "--format", "onnx"]

    assert cli.main([*argv, "--no-accuracy", "--out", out]) == 0

    assert "accuracy: not measured (not requested)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--network", "n", "--arch", "largest", "--format", "onnx"], "is one network already"),
        (["--checkpoint", "c", "--format", "onnx"], "give --arch"),
        (["--checkpoint", "c", "--arch", "largest", "--format", "torch", "--precision", "fp16"],
         "a torch file is exported as fp32"),
        (["--network", "absent", "--format", "onnx"], "cannot read absent"),
    ],
)  # fmt: skip
def test_incompatible_options_are_refused(
    argv: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", *argv, "--out", str(tmp_path / "net")]) == 2

    line = capsys.readouterr().err.strip()
    assert message in line
    assert len(line.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def refused(capsys: pytest.CaptureFixture[str], checkpoint: Path, arch: str, folder: Path) -> str:
    before = sorted(folder.iterdir())
    assert export(checkpoint, arch, folder / "net.onnx") == 2
    assert sorted(folder.iterdir()) == before
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    return error


def test_an_architecture_outside_the_space(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch = json.loads(TINY.to_line(TINY.smallest(24)))
    outside = line(tmp_path, json.dumps({**arch, "resolution": 25}))
    assert "25" in refused(capsys, checkpoint, outside, tmp_path)

    other = line(tmp_path, json.dumps({**arch, "space": "ofa-resnet50d"}))
    assert "holds a network of ofa-resnet50d" in refused(capsys, checkpoint, other, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON", '{"front": []}', "{}\n{}"])
def test_a_file_without_one_architecture(
    text: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch = tmp_path / "arch.json"
    arch.write_text(text)

    refused(capsys, checkpoint, str(arch), tmp_path)


def test_a_checkpoint_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arch, cut = line(tmp_path), tmp_path / "cut.pt"
    cut.write_bytes(b"PK\x03\x04 and no more")
    assert "cut.pt" in refused(capsys, cut, arch, tmp_path)
    assert "cannot read" in refused(capsys, tmp_path / "absent.pt", arch, tmp_path)

    _save(tmp_path / "half.pt", phase=0)
    assert "not trained to the end" in refused(capsys, tmp_path / "half.pt", arch, tmp_path)


@pytest.mark.slow
def test_accuracies_are_measured_and_fitted(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.parquet"
    common = ("accuracy", "--checkpoint", str(checkpoint), "--images", "250", "--seed", "1")

    assert cli.main([*common, "--networks", "12", "--out", str(out), "--json"]) == 0

    predictor = AccuracyPredictor.load(out)
    predictor.check_space(TINY)
    assert len(np.unique(predictor.codes, axis=0)) == 12
    assert predictor.provenance["images"] == 250
    assert predictor.provenance["part"] == "validation"
    data = json.loads(capsys.readouterr().out)
    assert data["rmse"] == predictor.cross_validation.rmse
    assert data["constant_rmse"] > 0


def test_an_accuracy_is_that_of_the_network_by_itself() -> None:
    from bench.protocol.progress import NoProgress
    from supernet.accuracy.measure import choose_networks, measure_pairs
    from tests.support.measured_accuracy import measure_accuracy

    supernet, validation = SuperNet(TINY, seed=4).eval(), get_dataset("digits").validation
    codes = choose_networks(TINY, 5, seed=0)

    train = get_dataset("digits").train_source
    pairs = measure_pairs(
        supernet, codes, lambda r: train.calibration(2000, r), validation, NoProgress()
    )

    for code, accuracy, error in zip(codes, pairs.accuracy, pairs.error, strict=True):
        (arch,) = TINY.decode(code[None])
        alone = measure_accuracy(supernet, arch, train.dataset.images, validation)
        assert (alone.accuracy, alone.error) == (accuracy, error)


def test_a_missing_folder_is_refused_before_measuring(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "absent" / "a.parquet"

    assert cli.main(["accuracy", "--checkpoint", str(checkpoint), "--out", str(out)]) == 2

    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "does not exist" in error[0]


def test_too_few_networks_are_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.parquet"

    code = cli.main(
        ["accuracy", "--checkpoint", str(checkpoint), "--networks", "2", "--out", str(out)]
    )

    assert code == 2
    assert "expected more than 2" in capsys.readouterr().err
    assert not out.exists()
