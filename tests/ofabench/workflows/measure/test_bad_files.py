"""Model files that cannot be measured, given beside one that can: a line each, and exit code 2."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ofabench.cli import main as cli
from tests.support import onnx_files as files

BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "custom.onnx": (files.save_custom, "is not a registered function/op"),
    "texts.onnx": (files.save_texts, "expected a tensor of numbers or booleans"),
    "dynamic.onnx": (files.save_relu, "has dynamic dimensions: give --shape x=Nx4"),
    "opset.onnx": (files.save_opset, "ONNX Runtime only"),
    "huge.onnx": (files.save_huge, "does not fit in this machine's memory"),
    "words.onnx": (lambda path: path.write_bytes(b"no model"), "is no ONNX file"),
    "words.tflite": (lambda path: path.write_bytes(b"no model"), "not a TFLite file"),
}


@pytest.mark.slow
def test_a_bad_file_is_reported_and_the_others_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ("long" * 40)  # a message is cut, yet its reason is kept
    folder.mkdir()
    for name, (save, _) in BAD.items():
        save(folder / name)
    files.save_external(folder / "external.onnx")
    (folder / "weights.bin").unlink()
    paths = [folder / name for name in (*BAD, "external.onnx")]
    good = files.save_relu(folder / "good.onnx", (2, 4))
    quick = ["--force", "--wait", "--replicates", "2", "--rounds", "2"]
    assert cli.main(["measure", *map(str, [*paths, good]), *quick]) == 2
    captured = capsys.readouterr()
    failed = [line for line in captured.out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == len(BAD) + 1
    for name, (_, message) in BAD.items():
        (line,) = [line for line in failed if f" {name}: " in line]
        assert message in line
    assert "weights.bin, which is not beside it" in failed[-1]
    assert any(line.startswith("good.onnx") for line in captured.out.splitlines())
    assert "Traceback" not in captured.out + captured.err
