"""ONNX files of any origin for a GPU, on this processor in its place: none was run on a card."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from bench.backends.onnx_session import open_session
from bench.backends.registry import get_backend
from bench.devices.cuda import onnx_file_models
from bench.devices.cuda.models import file_loader_of
from bench.devices.cuda.onnx_file_models import OnnxCudaFileModel, load_onnx_file
from bench.devices.cuda.options import CudaOptions
from bench.errors import FileError, InputError, UnrunnableError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.models.tensors import ShapeChoice
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from tests.support import onnx_files
from tests.support.fake_gpu import FakeGpu, fake_gpu
from tests.support.onnx_files import save_graph

TARGET = Target(device="nvidia-x", backend="onnx", backend_version="1")


def save_two_inputs(path: Path) -> Path:
    """Write y = table[tokens] + x for n int64 tokens, and z = -x."""
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["rows"]),
        helper.make_node("Add", ["rows", "x"], ["y"]),
        helper.make_node("Neg", ["x"], ["z"]),
    ]
    floats, integers = TensorProto.FLOAT, TensorProto.INT64
    return save_graph(
        path,
        nodes,
        [("tokens", integers, ["n"]), ("x", floats, [2])],
        [("y", floats, None), ("z", floats, [2])],
        {"table": np.array([[1, 2], [3, 4]], dtype=np.float32)},
    )


def two_inputs(tmp_path: Path, **changes: Any) -> ModelFile:
    path = save_two_inputs(tmp_path / "two.onnx")
    values = {
        "tokens": np.array([1, 0, 1], dtype=np.int64),
        "x": np.array([10, 20], dtype=np.float32),
    }
    return ModelFile(path=path, name="two.onnx", **{"values": values, **changes})


def test_inputs_of_every_type_are_bound_and_all_outputs_have_memory(tmp_path: Path) -> None:
    file = two_inputs(tmp_path)

    model = OnnxCudaFileModel(open_session(str(file.path), 1), file, ("cpu", 0), 0)

    model.run()
    y, z = model.outputs()
    assert y.tolist() == [[13, 24], [11, 22], [13, 24]]
    assert z.tolist() == [-10, -20]
    with pytest.raises(InputError, match="the inputs tokens, x, expected one"):
        model.infer(np.zeros((1, 3, 2, 2), np.float32))


def test_random_values_have_the_chosen_shape(tmp_path: Path) -> None:
    file = two_inputs(tmp_path, values=None, shapes=ShapeChoice(shapes=(("tokens", (5,)),)))

    model = OnnxCudaFileModel(open_session(str(file.path), 1), file, ("cpu", 0), 0)

    assert [output.shape for output in model.outputs()] == [(5, 2), (2,)]


def test_a_file_is_loaded_through_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, Any]] = []

    def on_processor(source: Any, providers: Any, make: Any) -> Any:
        asked.append((source, providers))
        return make(open_session(source, 1))

    monkeypatch.setattr(onnx_file_models, "onnx_version", lambda *, tensorrt: "1")
    monkeypatch.setattr(onnx_file_models, "open_on_gpu", on_processor)
    file, driver = two_inputs(tmp_path), FakeGpu(place="cpu:0", stream=7)

    model = load_onnx_file(driver, file, TARGET, CudaOptions(), 0)

    assert len(model.outputs()) == 2
    ((source, [(name, options)]),) = asked
    assert (source, name) == (str(file.path), "CUDAExecutionProvider")
    assert (options["device_id"], options["user_compute_stream"]) == ("0", "7")


def test_backends_without_model_files_are_refused() -> None:
    assert file_loader_of("onnx") is load_onnx_file
    assert file_loader_of("tensorrt") is onnx_file_models.load_tensorrt_file
    with pytest.raises(InputError, match=r"GPUs measure ONNX files, .* torch"):
        file_loader_of("torch")


def test_inputs_are_checked_before_anything_is_measured(tmp_path: Path) -> None:
    device = fake_gpu()

    assert [spec.name for spec in device.check_model_file(two_inputs(tmp_path))] == ["tokens", "x"]
    with pytest.raises(InputError, match=r"tokens .* has dynamic dimensions"):
        device.check_model_file(two_inputs(tmp_path, values=None))
    path = onnx_files.save_texts(tmp_path / "texts.onnx")
    with pytest.raises(FileError, match=r"tensor\(string\)"):
        device.check_model_file(ModelFile(path=path, name="texts.onnx"))


def test_a_file_that_the_runtime_refuses_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_bytes(b"{")
    file, device = ModelFile(path=path, name="net.json"), fake_gpu()
    backend = ModelFilesBackend(get_backend("fake"), {file.digest: file})
    target = Target(device=device.slug(), backend="fake", backend_version="1")
    work = [Workload(role="model", file=file.digest)]

    with pytest.raises(UnrunnableError) as caught:
        list(device.run_replicate(work, backend, target, ReplicatePlan(rounds=1)))

    assert caught.value.place == 0
