"""Commands whose extra is missing: one line that names it, exit code 2, nothing written."""

import sys
from pathlib import Path

import pytest

from ofabench.cli.main import main
from tests.support import training_child
from tests.support.image_folders import make_folder
from tests.support.micro_supernets import save_micro
from tests.support.report_runs import table

COLOUR = training_child.SPACE.replace("in_channels = 1", "in_channels = 3")
SCHEDULE = 'name = "short"\nphases = [{name = "all", epochs = 1, lr = 0.05, batch = 32}]\n'


def refused(
    argv: list[str],
    hidden: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Return the one line of a command that runs in an empty folder without a module."""
    monkeypatch.setitem(sys.modules, hidden, None)
    before = sorted(Path().rglob("*"))
    assert main(argv) == 2
    assert sorted(Path().rglob("*")) == before
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("argv", "purpose"),
    [
        (["report", "a.parquet", "--out", "r.html"], "report pages need"),
        (["compare", "a.parquet", "a.parquet", "--out", "c.html"], "--out needs"),
        (["quickstart", "--out", "demo"], "the quickstart's report page needs"),
    ],
)
def test_pages_need_the_extra_report(
    argv: list[str],
    purpose: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    table().save(Path("a.parquet"))

    assert refused(argv, "plotly", monkeypatch, capsys) == (
        f"ofabench: {purpose} the package plotly, which is not installed: "
        "pip install 'ofabench[report]'"
    )


def test_tables_are_compared_without_an_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table().save(Path("a.parquet"))
    monkeypatch.setitem(sys.modules, "plotly", None)

    assert main(["compare", "a.parquet", "a.parquet"]) == 0


def test_training_on_images_needs_the_extra_augment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_folder(Path("images"), train=12, val=4, side=12)
    Path("space.toml").write_text(COLOUR)
    Path("short.toml").write_text(SCHEDULE)
    argv = ["train", "--space", "space.toml", "--data", "images", "--schedule", "short.toml"]

    assert refused([*argv, "--out", "s.safetensors"], "kornia", monkeypatch, capsys) == (
        "ofabench: training on a folder of images needs the package kornia, which is not "
        "installed: pip install 'ofabench[augment]'"
    )


def test_shards_need_the_extra_webdataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shards").mkdir()
    Path("shards/train-0.tar").write_bytes(b"")
    argv = ["train", "--space", "tiny", "--data", "shards", "--out", "s.safetensors"]

    assert refused(argv, "webdataset", monkeypatch, capsys) == (
        "ofabench: WebDataset shards need the package webdataset, which is not installed: "
        "pip install 'ofabench[webdataset]'"
    )


def test_rand_augment_needs_the_extra_augment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["train", "--space", "tiny", "--rand-augment", "9", "--out", "s.safetensors"]

    assert refused(argv, "kornia", monkeypatch, capsys) == (
        "ofabench: --rand-augment needs the package kornia, which is not installed: "
        "pip install 'ofabench[augment]'"
    )


@pytest.mark.parametrize("command", ["train", "finetune"])
def test_tensorboard_needs_its_extra(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save_micro("w.safetensors")
    source = {"train": ["--space", "tiny"], "finetune": ["w.safetensors", "--arch", "smallest"]}
    argv = [command, *source[command], "--tensorboard", "tb", "--out", "s.safetensors"]

    assert refused(argv, "tensorboard", monkeypatch, capsys) == (
        "ofabench: --tensorboard needs the package tensorboard, which is not installed: "
        "pip install 'ofabench[tensorboard]'"
    )


def test_int8_files_of_tflite_need_the_extra_quantizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_micro("s.safetensors")
    images = make_folder(Path("images"), train=12, val=4, side=12)
    argv = ["export", "--checkpoint", "s.safetensors", "--arch", "smallest", "--data", str(images)]
    argv += ["--format", "tflite", "--precision", "int8", "--out", "n.tflite"]

    assert refused(argv, "ai_edge_quantizer", monkeypatch, capsys) == (
        "ofabench: float16 and int8 TFLite files need the package ai-edge-quantizer, which is "
        "not installed: pip install 'ofabench[quantizer]'"
    )
