"""onnxruntime on a GPU: its CUDA provider, or TensorRT through it.

Inputs and outputs are bound to the GPU's memory, and a run does not wait for the GPU unless
onnxruntime replays its own graph, which waits in most of its versions.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench.backends.inputs import (
    check_file_input,
    check_images,
    check_precision,
    only_pair,
    random_images,
)
from bench.backends.onnx_backend import OnnxBackend
from bench.backends.onnx_session import refusals
from bench.devices.cuda.driver import Driver, OutOfMemory
from bench.devices.cuda.options import CudaOptions
from bench.digests import content_digest
from bench.errors import FileError, InputError, MissingRuntimeError, one_line
from bench.files import cache_folder
from bench.protocol.backend import Array, LoadedModel
from bench.protocol.target import Target

M = TypeVar("M", bound=LoadedModel)
CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
TENSORRT_PRECISIONS = ("fp32", "fp16", "bf16")
_INSTALL = {
    CUDA: "pip uninstall -y onnxruntime, then pip install onnxruntime-gpu",
    TENSORRT: "pip install onnxruntime-gpu tensorrt, of versions that go together",
}
_FULL = ("out of memory", "Failed to allocate memory", "CUDA_ERROR_OUT_OF_MEMORY")


def onnx_version(*, tensorrt: bool) -> str:
    """Return the version of onnxruntime; `MissingRuntimeError` if it lacks the provider."""
    installed = OnnxBackend().version()
    import onnxruntime

    provider = TENSORRT if tensorrt else CUDA
    if provider not in onnxruntime.get_available_providers():
        raise MissingRuntimeError(
            f"this onnxruntime {installed} has no {provider}: {_INSTALL[provider]} (the two builds "
            "of onnxruntime must not be installed together)"
        )
    return f"{installed}+{_tensorrt_version()}" if tensorrt else installed


class OnnxCudaModel:
    """A session with its input and output bound to the GPU's memory."""

    recordable = False  # the session does more than queue kernels

    def __init__(self, session: Any, target: Target, index: int, seed: int) -> None:
        from onnxruntime import OrtValue, RunOptions

        model_input, model_output = only_pair(session.get_inputs(), session.get_outputs())
        check_file_input(model_input.shape, model_input.type == "tensor(float)", target)
        self._shape = tuple(model_input.shape)
        place = ("cuda", index)
        self._input = OrtValue.ortvalue_from_numpy(random_images(self._shape, seed), *place)
        self._output = OrtValue.ortvalue_from_shape_and_type(
            list(model_output.shape), np.float32, *place
        )
        self._session = session
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(model_input.name, self._input)
        self._binding.bind_ortvalue_output(model_output.name, self._output)
        self._options = RunOptions()
        self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def run(self) -> object:
        self._session.run_with_iobinding(self._binding, self._options)
        return None

    def infer(self, images: Array) -> Array:
        previous = np.array(self._input.numpy())
        self._input.update_inplace(check_images(images, self._shape))
        self._session.run_with_iobinding(self._binding)
        result = np.array(self._output.numpy())
        self._input.update_inplace(previous)
        return result


def load_onnx(
    driver: Driver, content: bytes, target: Target, options: CudaOptions, seed: int
) -> OnnxCudaModel:
    """Load an ONNX file onto the GPU through onnxruntime's CUDA provider."""
    onnx_version(tensorrt=False)
    check_precision(target)
    return open_on_gpu(
        content,
        [cuda_provider(driver, options)],
        lambda session: OnnxCudaModel(session, target, index_of(driver), seed),
    )


def load_tensorrt(
    driver: Driver, content: bytes, target: Target, options: CudaOptions, seed: int
) -> OnnxCudaModel:
    """Load an ONNX file through TensorRT. Engines are cached: building one can take minutes."""
    onnx_version(tensorrt=True)
    check_precision(target, TENSORRT_PRECISIONS)
    providers = [
        tensorrt_provider(driver, content, target, options),
        cuda_provider(driver, options),
    ]
    return open_on_gpu(
        content,
        providers,
        lambda session: OnnxCudaModel(session, target, index_of(driver), seed),
    )


def cuda_provider(driver: Driver, options: CudaOptions) -> tuple[str, dict[str, str]]:
    """Return the CUDA provider's name and options."""
    _refuse_compile(options)
    return CUDA, {
        "device_id": str(index_of(driver)),
        "user_compute_stream": str(driver.stream),
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "enable_cuda_graph": str(int(options.launch == "graph")),
        "use_tf32": str(int(options.tf32)),
    }


def tensorrt_provider(
    driver: Driver, content: bytes, target: Target, options: CudaOptions
) -> tuple[str, dict[str, str]]:
    """Return the TensorRT provider's name and options."""
    _refuse_compile(options)
    folder = engines_folder() / content_digest(f"{content_digest(content)}\n{target.key}")[:24]
    folder.mkdir(parents=True, exist_ok=True)
    return TENSORRT, {
        "device_id": str(index_of(driver)),
        "user_compute_stream": str(driver.stream),
        "trt_fp16_enable": str(int(target.precision == "fp16")),
        "trt_bf16_enable": str(int(target.precision == "bf16")),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines_folder()),
        "trt_cuda_graph_enable": str(int(options.launch == "graph")),
    }


def engines_folder() -> Path:
    """Return the folder of cached engines."""
    return cache_folder() / "tensorrt"


def index_of(driver: Driver) -> int:
    """Return the GPU's number from a driver's place."""
    return int(driver.place.partition(":")[2])


def open_on_gpu(
    source: str | bytes, providers: list[tuple[str, dict[str, str]]], make: Callable[[Any], M]
) -> M:
    """Open a session of a model by path or content, and return what `make` makes of it, run once.

    `OutOfMemory` where the GPU has no room; `FileError` where the provider cannot run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # The whole graph on the GPU, or none: partly on the host, it is another device's latency.
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    refused: tuple[type[Exception], ...] = (*refusals(), RuntimeError)
    try:
        session = onnxruntime.InferenceSession(
            source, options, providers=providers, enable_fallback=0
        )
        loaded = make(session)
        loaded.run()  # selects algorithms, builds engines, records graphs
    except refused as error:
        line = one_line(error)
        if any(pattern in line for pattern in _FULL):
            raise OutOfMemory(line) from error
        raise FileError(f"not an ONNX file that {providers[0][0]} can run: {line}") from error
    return loaded


def _refuse_compile(options: CudaOptions) -> None:
    if options.launch == "compile":
        raise InputError("--launch compile is torch's; onnxruntime takes graph or eager")


@cache
def _tensorrt_version() -> str:
    try:
        return f"tensorrt{version('tensorrt')}"
    except PackageNotFoundError:  # its libraries may be part of the system
        return "tensorrt"
