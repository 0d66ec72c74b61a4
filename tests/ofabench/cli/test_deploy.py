"""`ofabench deploy`: the folder it leaves, what the card says, and what it refuses."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from bench.backends.registry import get_backend
from bench.devices.cpu.local import LocalDevice
from bench.protocol.energy import EnergyReading, EnergySource
from bench.protocol.target import Target
from latency_models.networks.network_calibration import NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.cli import main as cli
from ofabench.workflows.sweep.sweep_setup import make_target
from supernet.accuracy.predictor import fit_accuracy
from supernet.data import open_data
from supernet.data.dataset import resize
from supernet.data.digits import load_digits_parts
from supernet.data.digits_parts import DatasetParts
from supernet.export import output_check
from supernet.export.export import run_file
from supernet.export.model_card import read_exported
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
BLOCKS = TINY.blocks(ARCH)
NOTE10 = Target(device="note10", backend="tflite", backend_version="litert-2.3.0", cores="4")
SCHEDULE = """
name = "none"
[[phases]]
name = "full"
epochs = 1
lr = 0.1
batch = 8
"""


def small_digits(seed: int) -> DatasetParts:
    splits = load_digits_parts(train=220, validation=40, test=50, seed=seed)
    return DatasetParts(name="digits", channels=1, classes=10, size=32, splits=splits)


@pytest.fixture(autouse=True)
def _few_images_and_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_data._DATASETS, "digits", small_digits)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained supernet that counts as trained."""
    path = tmp_path_factory.mktemp("train") / "net.safetensors"
    recipe = Recipe(space=TINY, schedule=Schedule.from_toml(SCHEDULE), data="digits", seed=4)
    state = SuperNet(TINY, seed=4).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=1, epoch=0, network=state))
    return path


def here(backend: str = "onnx") -> Target:
    return make_target(LocalDevice(), get_backend(backend))


def predictor(path: Path, target: Target, predicts_ms: float) -> str:
    LatencyPredictor(
        target=target,
        provenance={"space": "tiny", "date": "2026-01-02", "code_version": "0.0.9"},
        known=dict.fromkeys(BLOCKS, (0.0001, 0.0001)),
        models={},
        composition=NetworkCalibration(overhead_ms=predicts_ms, slope=0.0),
    ).save(path)
    return str(path)


def search(path: Path, limits: dict[str, float], arch: Any = ARCH) -> str:
    data = {
        "format": "ofabench-search-1",
        "arch": json.loads(TINY.to_line(arch)),
        "accuracy": 0.75,
        "predictions": {**limits, "peak_memory": 5000.0},
        "limits": limits,
        "bounds": {name: 1.5 * limit for name, limit in limits.items()},
        "confidence": 0.95,
        "history": [{"evaluated": 1, "accuracy": None}],
        "provenance": {"accuracy": {"file": "a.parquet", "sha256": "0123", "provenance": {}}},
    }
    path.write_text(json.dumps(data))
    return str(path)


def deploy(checkpoint: Path, arch: str, out: Path, *more: str) -> int:
    argv = ["deploy", "--checkpoint", str(checkpoint), "--arch", arch, "--out", str(out)]
    quick = ["--images", "30", "--loads", "3", "--passes", "2", "--force"]
    form = [] if "--format" in more else ["--format", "onnx"]
    return cli.main([*argv, *quick, *form, *more])


def sums(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


@pytest.mark.slow
def test_a_folder_to_hand_on(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = predictor(tmp_path / "here.parquet", here(), 1000.0)
    phone = predictor(tmp_path / "note10.parquet", NOTE10, 30.0)
    result = search(tmp_path / "r.json", {here().key: 2000.0, NOTE10.key: 35.0})
    out = tmp_path / "net"

    code = deploy(checkpoint, result, out, "--latency", mine, "--latency", phone)

    assert code == 1  # a second was predicted, and it takes less
    names = {"model.onnx", "model.onnx.json", "card.json", "card.md", "search.json", "labels.txt"}
    assert {path.name for path in out.iterdir()} == names | {"SHA256SUMS"}
    digests = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    assert sums(out) == digests
    card = json.loads((out / "card.json").read_text())
    content, exported = read_exported(out / "model.onnx")
    assert card["model"]["sha256"] == exported.sha256 == digests["model.onnx"]
    measured, elsewhere = card["latency"]
    assert (measured["predicted_ms"], measured["limit_ms"]) == (1000.0, 2000.0)
    verification = measured["verification"]
    assert verification["prediction_within_tolerance"] is False
    assert verification["limit_met"] is True
    assert (elsewhere["target"], elsewhere["predicted_ms"]) == (NOTE10.key, 30.0)
    assert (elsewhere["limit_ms"], elsewhere["verification"]) == (35.0, None)
    assert card["peak_memory_bytes"] == 5000
    test = small_digits(0).test
    size = ARCH.resolution
    pixels = resize(test.images, size).contiguous().numpy()
    right = run_file(content, get_backend("onnx"), pixels).argmax(axis=1) == test.labels.numpy()
    assert card["accuracy"]["accuracy"] == pytest.approx(right.mean())
    assert card["accuracy"]["accuracy_images"] == 50
    output = capsys.readouterr().out
    assert "NOT WITHIN 10 % of the prediction; limit met" in output
    assert "measured   no: of another device: predicted only" in output


def test_the_card_names_every_source(checkpoint: Path, tmp_path: Path) -> None:
    latency = predictor(tmp_path / "here.parquet", here(), 1.0)
    result = search(tmp_path / "r.json", {here().key: 2.0})
    out = tmp_path / "net"

    assert deploy(checkpoint, result, out, "--latency", latency, "--no-verify") == 0

    card = json.loads((out / "card.json").read_text())
    outcome = {item["what"]: (item["file"], item["sha256"]) for item in card["sources"]}
    digest = {
        path: hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for path in (str(checkpoint), latency, result)
    }
    assert outcome == {
        "weights": ("net.safetensors", digest[str(checkpoint)]),
        "search": ("r.json", digest[result]),
        "accuracy predictor": ("a.parquet", "0123"),
        "latency predictor": ("here.parquet", digest[latency]),
    }
    page = (out / "card.md").read_text()
    row = f"| latency predictor | `here.parquet` | {here().key} | 2026-01-02 | 0.0.9 |"
    assert row in page
    assert "not requested (--no-verify)" in page
    assert page.count("| mbconv |") == sum(item.kind == "mbconv" for item in BLOCKS)
    assert "The search predicted 75.00% of validation images." in page
    assert "(at most 3 with 0.95 confidence) | 2 | - (not requested (--no-verify)) | - |" in page


def test_a_limit_on_the_files_size_is_held_against_the_file(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    macs = sum(block.macs for block in BLOCKS)
    result = search(tmp_path / "r.json", {"model size": 1000.0, "macs": float(macs), "ms": 2.0})
    out = tmp_path / "net"

    assert deploy(checkpoint, result, out, "--no-accuracy") == 1

    size = (out / "model.onnx").stat().st_size
    data = {
        replicate["name"]: replicate
        for replicate in json.loads((out / "card.json").read_text())["limits"]
    }
    assert (data["model size"]["actual"], data["model size"]["met"]) == (size, False)
    assert (data["macs"]["actual"], data["macs"]["met"]) == (macs, True)
    assert (data["ms"]["predicted"], data["ms"]["met"]) == (2.0, None)
    assert f"model size {size:,} of 1,000: NOT MET" in capsys.readouterr().out
    assert "| ms | 2 | 2 | - | predicted only |" in (out / "card.md").read_text()


@pytest.mark.slow
def test_a_limit_on_energy_is_held_against_the_measured_energy(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> Iterator[EnergyReading]:
        # 10 J of which 4 J are idle, by 1,000 inferences: 6 mJ.
        yield EnergyReading(
            place=0, inferences=1000, window_s=1.0, busy_s=1.0, joules=10.0, uncertainty_j=0.1,
            idle_before_w=4.0, idle_after_w=4.0, peak_memory_bytes=2_000_000,
        )  # fmt: skip

    monkeypatch.setattr(LocalDevice, "energy_source", lambda _: EnergySource(name="rapl (x)"))
    monkeypatch.setattr(LocalDevice, "measure_energy", measured)
    name = f"energy on {here().key}"
    mine = predictor(tmp_path / "here.parquet", here(), 1000.0)
    result = search(tmp_path / "r.json", {here().key: 2000.0, name: 5.0})
    out = tmp_path / "net"

    assert deploy(checkpoint, result, out, "--latency", mine, "--no-accuracy") == 1

    (row,) = json.loads((out / "card.json").read_text())["limits"]
    assert (row["name"], row["predicted"], row["limit"]) == (name, 5.0, 5.0)
    assert (row["actual"], row["met"]) == (pytest.approx(6.0), False)
    page = (out / "card.md").read_text()
    assert f"| {name} | 5 | 5 | 6 | NOT MET |" in page
    assert "energy 6 mJ (95 % interval 5.9 to 6.1); limit of 5 mJ NOT MET" in page
    assert "peak memory 2.00 MB resident" in page


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_sha256sum_accepts_the_sums(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "net"
    assert deploy(checkpoint, "smallest", out, "--no-accuracy") == 0

    argv = ["sha256sum", "-c", "SHA256SUMS"]
    done = subprocess.run(argv, cwd=out, check=False, capture_output=True, text=True)

    assert done.returncode == 0
    assert done.stdout.count(": OK\n") == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "precision"),
    [("onnx", "fp32"), ("onnx", "int8"), ("tflite", "int8"), ("torch", "fp32")],
)
def test_the_pages_snippet_runs(
    form: str,
    precision: str,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_check, "LEAST_AGREEMENT", 0.0)  # it is not trained
    monkeypatch.setattr(output_check, "LEAST_SNR_DB", 0.0)
    out = tmp_path / "net"
    more = ["--format", form, "--precision", precision, "--calibration", "10", "--no-accuracy"]
    assert deploy(checkpoint, "smallest", out, *more) == 0
    (code,) = re.findall(r"```python\n(.*?)```", (out / "card.md").read_text(), re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=out, check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    content, card = read_exported(next(out.glob("model.*[!n]")))
    shades = card.normalisation
    size = card.blocks[0].in_size
    black = np.full((1, 1, size, size), (0 - shades.mean[0]) / shades.std[0], np.float32)
    expected = run_file(content, get_backend(form), black, precision).argmax()
    assert done.stdout.strip() == str(expected)


ODD = ("<img src=x onerror=alert(1)>", "a|b", "`x`", "two\nlines", "# disc", "[a](b)", "*z*",
       "&lt;", "ünï", "'\"\\")  # fmt: skip


@pytest.fixture
def odd(checkpoint: Path, tmp_path: Path) -> Path:
    """The checkpoint, with class names that Markdown, HTML or Python might take as code."""
    path = tmp_path / "odd.safetensors"
    save_checkpoint(path, replace(load_checkpoint(checkpoint), class_names=ODD))
    return path


def test_odd_names_of_classes_are_shown_as_they_are(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "net"
    assert deploy(odd, "smallest", out, "--no-accuracy") == 0

    shown = [name.replace("\n", "\\n") for name in ODD]
    assert (out / "labels.txt").read_text(encoding="utf-8").split("\n") == [*shown, ""]
    card = json.loads((out / "card.json").read_text())["model"]
    assert tuple(card["class_names"]) == ODD
    page = (out / "card.md").read_text(encoding="utf-8")
    html = MarkdownIt().enable("table").render(page)
    cells = re.findall(r"<td>\d</td>\n<td><code>(.*)</code></td>", html)
    assert [unescape(cell) for cell in cells] == shown
    assert "<img" not in html


def test_the_sample_prints_the_name_of_the_class(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "net"
    assert deploy(odd, "smallest", out, "--no-accuracy") == 0
    (code,) = re.findall(r"```python\n(.*?)```", (out / "card.md").read_text(), re.DOTALL)

    argv = [sys.executable, "-X", "utf8", "-c", code]
    done = subprocess.run(argv, cwd=out, check=False, capture_output=True, encoding="utf-8")

    assert done.returncode == 0, done.stderr
    content, card = read_exported(out / "model.onnx")
    shades, size = card.normalisation, card.blocks[0].in_size
    black = np.full((1, 1, size, size), (0 - shades.mean[0]) / shades.std[0], np.float32)
    expected = ODD[int(run_file(content, get_backend("onnx"), black).argmax())]
    assert done.stdout == expected.replace("\n", "\\n") + "\n"


def searching(tmp_path: Path, *more: str) -> list[str]:
    """Arguments of a search by predictors of all of TINY: the network is the largest within."""
    codes = TINY.sample_codes(np.random.default_rng(0), 40)
    fit_accuracy(TINY, codes, 0.5 + codes[:, 0] / 100).save(tmp_path / "accuracy.parquet")
    LatencyPredictor(
        target=NOTE10,
        provenance={},
        known={block: (block.macs / 1e6, block.macs / 1e6) for block in TINY.unique_blocks()},
        models={},
    ).save(tmp_path / "latency.parquet")
    accuracy, latency = tmp_path / "accuracy.parquet", tmp_path / "latency.parquet"
    return ["--accuracy", str(accuracy), "--latency", str(latency), "--no-verify",
            "--no-accuracy", *more]  # fmt: skip


@pytest.mark.slow
def test_it_searches_for_the_network_itself_and_knows_it_again(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net"
    argv = ["deploy", "--checkpoint", str(checkpoint), "--format", "onnx", "--out", str(out),
            *searching(tmp_path, "--max-latency-ms", "1.5", "--max-macs", "1.2e6")]  # fmt: skip

    assert cli.main(argv) == 0

    data = json.loads((out / "search.json").read_text())
    card = json.loads((out / "card.json").read_text())
    assert data["limits"] == {NOTE10.key: 1.5, "macs": 1.2e6}
    assert data["macs"] <= 1.2e6
    assert card["model"]["arch"]["depths"] == data["arch"]["depths"]
    before = (out / "SHA256SUMS").read_text()
    capsys.readouterr()
    assert cli.main(argv) == 0
    assert "exists already" in capsys.readouterr().err
    assert (out / "SHA256SUMS").read_text() == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--max-latency-ms", "1e-6"], "the fastest network takes"),
        (["--max-latency-ms", "1.5", "--arch", "smallest"], "leave --arch, --network and --result"),
        ([], "expected one limit for each"),
    ],
)
def test_an_impossible_search_leaves_no_folder(
    more: list[str],
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "net"
    argv = ["deploy", "--checkpoint", str(checkpoint), "--format", "onnx", "--out", str(out)]

    assert cli.main([*argv, *searching(tmp_path, *more)]) == 2

    assert message in refused(capsys)
    assert not out.exists()


def test_limits_without_accuracies_are_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(checkpoint, "smallest", tmp_path / "net", "--max-macs", "1e6") == 2
    assert "--max-macs limits a search, which needs --accuracy" in refused(capsys)


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    return error


def test_a_finished_folder_is_not_changed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net"
    assert deploy(checkpoint, "smallest", out, "--no-accuracy") == 0
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    capsys.readouterr()

    assert deploy(checkpoint, "smallest", out, "--no-accuracy") == 0

    assert "exists already, finished and complete" in capsys.readouterr().err
    assert deploy(checkpoint, "largest", out, "--no-accuracy") == 2
    assert "holds another deployment (other arch)" in refused(capsys)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    (out / "card.md").write_text("mine")
    assert deploy(checkpoint, "smallest", out, "--no-accuracy") == 2
    assert "card.md was changed since it was deployed" in refused(capsys)


def test_a_folder_of_something_else_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "file").write_text("mine")

    for name in ("mine", "file"):
        assert deploy(checkpoint, "smallest", tmp_path / name) == 2
        assert "exists and is no deployment" in refused(capsys)
    assert deploy(checkpoint, "smallest", tmp_path / "absent" / "net") == 2
    assert "does not exist" in refused(capsys)


def test_a_failed_step_leaves_no_folder(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_check, "LEAST_SNR_DB", 1000.0)
    more = ["--precision", "int8", "--calibration", "5", "--no-accuracy"]

    assert deploy(checkpoint, "smallest", tmp_path / "net", *more) == 2

    assert "nothing was written: calibrate on more images" in refused(capsys)
    assert list(tmp_path.iterdir()) == []


def test_incompatible_options_are_refused_before_any_work(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone = predictor(tmp_path / "note10.parquet", NOTE10, 30.0)
    out = tmp_path / "net"

    assert deploy(checkpoint, "smallest", out, "--latency", phone) == 2
    assert "no --latency has the target cpu with onnx" in refused(capsys)
    assert deploy(checkpoint, "smallest", out, "--latency", phone, "--latency", phone) == 2
    assert "two --latency have the same target" in refused(capsys)
    other = search(tmp_path / "r.json", {}, TINY.largest())
    assert deploy(checkpoint, "smallest", out, "--result", other) == 2
    assert "of another network than the one to deploy" in refused(capsys)
    assert not out.exists()


@pytest.mark.slow
def test_an_int8_file_has_no_verdict_beside_a_prediction_of_float32(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_check, "LEAST_AGREEMENT", 0.0)
    monkeypatch.setattr(output_check, "LEAST_SNR_DB", 0.0)
    latency = predictor(tmp_path / "here.parquet", here(), 1e-6)
    out = tmp_path / "net"
    more = ["--precision", "int8", "--calibration", "10", "--no-accuracy", "--latency", latency]

    assert deploy(checkpoint, "smallest", out, *more) == 0

    (line,) = json.loads((out / "card.json").read_text())["latency"]
    assert line["verdict"] == "measured as int8, predicted for another precision"
    assert line["verification"]["target"] == replace(here(), precision="int8").key
