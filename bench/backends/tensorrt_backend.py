"""TensorRT through onnxruntime: ONNX files on NVIDIA GPUs only (see `bench.devices.cuda`)."""

from typing import NoReturn

from bench.backends.onnx_backend import OnnxBackend
from bench.blocks.model import Model
from bench.errors import InputError
from bench.protocol.target import Target


class TensorrtBackend(OnnxBackend):
    """Backend with the same files as `OnnxBackend`."""

    name = "tensorrt"

    def load(self, model: Model, target: Target, *, seed: int = 0) -> NoReturn:
        """Raise `InputError`: TensorRT does not run on processors."""
        raise InputError("backend tensorrt runs on NVIDIA GPUs only: use --device cuda:0")

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> NoReturn:
        """Raise `InputError`, as `load`."""
        raise InputError("backend tensorrt runs on NVIDIA GPUs only: use --device cuda:0")
