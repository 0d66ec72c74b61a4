"""Model files of any origin on real runtimes: outputs, shapes, and refused files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.backends.onnx_backend import OnnxBackend
from bench.backends.onnx_file_model import OnnxFileModel, external_files
from bench.backends.tflite_backend import TfliteBackend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import ShapeChoice
from bench.protocol.target import Target
from tests.support import onnx_files

STEM = BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=4, kernel=3, act="relu")


def target(backend: str) -> Target:
    return Target(device="here", backend=backend, backend_version="1")


def load_onnx(path: Path, shapes: ShapeChoice | None = None, **values: object) -> OnnxFileModel:
    arrays = {name: np.asarray(value) for name, value in values.items()}
    file = ModelFile(
        path=path, name=path.name, shapes=shapes or ShapeChoice(), values=arrays or None
    )
    return OnnxBackend().load_model_file(file, target("onnx"))


def test_every_output_is_computed_from_the_values_given(tmp_path: Path) -> None:
    ids, mask = np.array([1, 0, 1]), np.array([True, False, True])
    model = load_onnx(onnx_files.save_lookup(tmp_path / "m.onnx"), ids=ids, mask=mask)
    rows, places = model.outputs()
    assert rows.tolist() == [[10, 11], [0, 1], [10, 11]]
    assert places.tolist() == [[0, 2]]
    assert [spec.name for spec in model.inputs] == ["ids", "mask"]
    assert model.first_ns > 0


def test_dynamic_dimensions_have_the_chosen_size(tmp_path: Path) -> None:
    path = onnx_files.save_relu(tmp_path / "m.onnx")
    (output,) = load_onnx(path, ShapeChoice(batch=5)).outputs()
    assert output.shape == (5, 4)
    assert (output >= 0).all()
    assert load_onnx(path, ShapeChoice(batch=2)).infer(-np.ones((2, 4), np.float32)).max() == 0


def test_external_weights_of_branches_are_named_where_they_are_missing(tmp_path: Path) -> None:
    path = onnx_files.save_external_branches(tmp_path / "m.onnx")
    assert external_files(path) == (tmp_path / "weights.bin",)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(
        FileError, match=r"m.onnx keeps weights in weights.bin, which is not beside"
    ):
        external_files(path)


def test_external_weights_are_loaded(tmp_path: Path) -> None:
    path = onnx_files.save_external(tmp_path / "m.onnx")
    assert external_files(path) == (tmp_path / "weights.bin",)
    (output,) = load_onnx(path, x=np.zeros(300, np.float32)).outputs()
    assert output[299] == 299
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(FileError, match=r"keeps weights in weights\.bin, which is not beside it"):
        external_files(path)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (onnx_files.save_custom, "onnxruntime can run.*Nowhere|Nowhere"),
        (onnx_files.save_texts, r"of type tensor\(string\)"),
        (onnx_files.save_bfloat16, r"of type tensor\(bfloat16\)"),
        (
            onnx_files.save_opset,
            "not an ONNX file that onnxruntime can run: ONNX Runtime only",
        ),
        (onnx_files.save_huge, r"m\.onnx does not fit in this machine's memory"),
        (onnx_files.save_misfit, r"onnxruntime cannot run m\.onnx"),
    ],
)
def test_a_file_that_cannot_run_is_refused_in_one_line(
    tmp_path: Path, save: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(FileError, match=message) as caught:
        load_onnx(save(tmp_path / "m.onnx"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(FileError, match="cannot read"):
        external_files(path)
    path.write_bytes(b"not a model")
    with pytest.raises(FileError, match="is no ONNX file"):
        external_files(path)


def test_a_tflite_file_runs_with_another_batch(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(TfliteBackend().serialise(random_model((STEM,)), batch=2))
    model = TfliteBackend().load_model_file(ModelFile(path=path, name=path.name), target("tflite"))
    (output,) = model.outputs()
    assert output.shape == (2, 8, 8, 4)
    assert model.inputs[0].shape == (2, 8, 8, 3)
    inferred = model.infer(np.zeros((2, 8, 8, 3), np.float32))

    assert inferred.shape == output.shape


def test_a_damaged_tflite_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\0\0\0\0TFL3" + b"\xff" * 40)
    with pytest.raises(FileError):
        TfliteBackend().load_model_file(ModelFile(path=path, name=path.name), target("tflite"))


def test_a_tflite_file_of_another_batch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(TfliteBackend().serialise(random_model((STEM,))))
    file = ModelFile(path=path, name=path.name, shapes=ShapeChoice(batch=3))
    with pytest.raises(InputError, match="for batch 1, --batch is 3"):
        TfliteBackend().load_model_file(file, target("tflite"))
