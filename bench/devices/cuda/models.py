"""Models on a GPU: one interface for every runtime."""

from typing import Protocol

from bench.devices.cuda.driver import Driver
from bench.devices.cuda.options import CudaOptions
from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.protocol.backend import Array
from bench.protocol.target import Target

RUNTIMES = ("torch", "onnx", "tensorrt")


class CudaModel(Protocol):
    """A model on the GPU, its inputs and outputs in the GPU's memory."""

    @property
    def recordable(self) -> bool:
        """Whether `run` only queues kernels, so that a graph of it can be recorded."""
        ...

    def run(self) -> object:
        """Queue one inference; exactly this is timed. Must be called within `Driver.at_work`."""
        ...

    def infer(self, images: Array) -> Array:
        """Return the outputs for NCHW `images`; copies both ways, and waits."""
        ...


class Loader(Protocol):
    """Creates a model from a file's content."""

    def __call__(
        self, driver: Driver, content: bytes, target: Target, options: CudaOptions, seed: int
    ) -> CudaModel: ...


class FileLoader(Protocol):
    """Creates a model from a model file of any origin, with all its inputs."""

    def __call__(
        self, driver: Driver, file: ModelFile, target: Target, options: CudaOptions, seed: int
    ) -> CudaModel: ...


def file_loader_of(backend: str) -> FileLoader:
    """Return the loader of model files of any origin; `InputError` where no runtime has one."""
    match backend:
        case "onnx":
            from bench.devices.cuda.onnx_file_models import load_onnx_file

            return load_onnx_file
        case "tensorrt":
            from bench.devices.cuda.onnx_file_models import load_tensorrt_file

            return load_tensorrt_file
    raise InputError(f"GPUs measure ONNX files, by onnx or tensorrt; the backend is {backend}")


def loader_of(backend: str) -> Loader:
    """Return the loader of a backend's files; `InputError` if no runtime runs them on GPUs."""
    match backend:
        case "torch":
            from bench.devices.cuda.torch_models import load_torch

            return load_torch
        case "onnx":
            from bench.devices.cuda.onnx_models import load_onnx

            return load_onnx
        case "tensorrt":
            from bench.devices.cuda.onnx_models import load_tensorrt

            return load_tensorrt
    raise InputError(f"backend {backend} does not run on GPUs, expected {' or '.join(RUNTIMES)}")


def runtime_version(backend: str) -> str:
    """Return the version of a backend's runtime; `MissingRuntimeError` says how to install it."""
    if backend == "torch":
        from bench.devices.cuda.torch_models import torch_version

        return torch_version()
    loader_of(backend)
    from bench.devices.cuda.onnx_models import onnx_version

    return onnx_version(tensorrt=backend == "tensorrt")
