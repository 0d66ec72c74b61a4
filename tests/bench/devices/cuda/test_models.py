"""Models for a GPU, as far as they can be made without one: torch's run on this processor."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bench.backends.inputs import random_images
from bench.backends.onnx_backend import OnnxBackend
from bench.backends.registry import get_backend
from bench.backends.torch_backend import TorchBackend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.cuda import onnx_models
from bench.devices.cuda.models import loader_of, runtime_version
from bench.devices.cuda.options import CudaOptions
from bench.devices.cuda.torch_driver import arithmetic
from bench.devices.cuda.torch_models import load_torch
from bench.errors import InputError, MissingRuntimeError
from bench.protocol.target import Target
from tests.support.fake_gpu import FakeGpu

SPEC = BlockSpec.parse("mbconv-14x16-m48-o16-k3-s1-hswish-se8-r1")
MODEL = random_model((SPEC,), seed=1)
IMAGES = random_images((2, 16, 14, 14), seed=2)


class Processor(FakeGpu):
    """A GPU whose tensors are on this processor."""

    place = "cpu"

    @contextmanager
    def at_work(self) -> Iterator[None]:
        yield


def target(precision: str = "fp32", backend: str = "torch") -> Target:
    return Target(
        device="nvidia-x", backend=backend, backend_version="1", precision=precision, batch=2
    )


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-6), ("fp16", 5e-3), ("bf16", 4e-2)]
)
def test_torch_computes_the_same_in_every_precision(precision: str, tolerance: float) -> None:
    content = TorchBackend().serialise(MODEL)
    expected = TorchBackend().load(MODEL, target()).infer(IMAGES)

    loaded = load_torch(Processor(place="cpu"), content, target(precision), CudaOptions(), 0)

    result = loaded.infer(IMAGES)
    assert result.dtype == np.float32
    assert np.abs(result - expected).max() <= tolerance * np.abs(expected).max()
    assert loaded.recordable


def test_inference_leaves_the_timed_input_unchanged() -> None:
    content = TorchBackend().serialise(MODEL)
    loaded = load_torch(Processor(place="cpu"), content, target(), CudaOptions(), 7)
    before = np.asarray(loaded.run())

    result = loaded.infer(IMAGES)

    np.testing.assert_array_equal(np.asarray(loaded.run()), before)
    assert np.abs(result - before).max() > 0


def test_a_precision_that_a_runtime_lacks_is_refused() -> None:
    with pytest.raises(InputError, match="no precision 'int8', expected fp32 or fp16 or bf16"):
        load_torch(Processor(place="cpu"), b"", target("int8"), CudaOptions(), 0)


def test_an_onnxruntime_without_the_provider_says_what_to_install() -> None:
    import onnxruntime

    if onnx_models.CUDA in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has the CUDA provider")
    with pytest.raises(
        MissingRuntimeError, match=r"has no CUDAExecutionProvider: .*onnxruntime-gpu"
    ):
        runtime_version("onnx")
    with pytest.raises(MissingRuntimeError, match=r"has no TensorrtExecutionProvider: .*tensorrt"):
        runtime_version("tensorrt")


def test_every_builtin_backend_has_a_loader_or_is_refused() -> None:
    assert loader_of("torch") is load_torch
    assert loader_of("onnx") is onnx_models.load_onnx
    assert loader_of("tensorrt") is onnx_models.load_tensorrt
    with pytest.raises(InputError, match="backend fake does not run on GPUs"):
        loader_of("fake")


def test_providers_get_stream_gpu_and_arithmetic() -> None:
    driver = FakeGpu(place="cuda:2", stream=4711)

    name, given = onnx_models.cuda_provider(driver, CudaOptions(launch="eager", tf32=True))

    assert name == "CUDAExecutionProvider"
    assert given == {
        "device_id": "2",
        "user_compute_stream": "4711",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "enable_cuda_graph": "0",
        "use_tf32": "1",
    }
    with pytest.raises(InputError, match="--launch compile is torch's"):
        onnx_models.cuda_provider(driver, CudaOptions(launch="compile"))


def test_engines_are_cached_by_content_and_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_models, "cache_folder", lambda: tmp_path)

    def folder(content: bytes, precision: str) -> str:
        here = target(precision, "tensorrt")
        _, given = onnx_models.tensorrt_provider(FakeGpu(), content, here, CudaOptions())
        assert given["trt_fp16_enable"] == str(int(precision == "fp16"))
        assert Path(given["trt_engine_cache_path"]).is_dir()
        return given["trt_engine_cache_path"]

    assert folder(b"a", "fp32") == folder(b"a", "fp32")
    assert len({folder(b"a", "fp32"), folder(b"b", "fp32"), folder(b"a", "fp16")}) == 3


def test_tensorrt_takes_onnx_files_and_does_not_run_on_processors() -> None:
    backend = get_backend("tensorrt")

    assert backend.serialise(MODEL) == OnnxBackend().serialise(MODEL)
    with pytest.raises(InputError, match="runs on NVIDIA GPUs only"):
        backend.load(MODEL, target(backend="tensorrt"))
    with pytest.raises(InputError, match="runs on NVIDIA GPUs only"):
        backend.load_file(b"", target(backend="tensorrt"))


def test_arithmetic_settings_are_restored() -> None:
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    with arithmetic(tf32=not before[0]):
        assert matmul.allow_tf32 is cudnn.allow_tf32 is not before[0]
        assert cudnn.benchmark

    assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == before
