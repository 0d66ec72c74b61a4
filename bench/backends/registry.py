"""Backends by name; importing this imports no runtime."""

from bench.errors import InputError
from bench.protocol.backend import Backend

BACKENDS = ("torch", "onnx", "tflite", "fake")  # that run on this machine's processor


def get_backend(name: str, **options: bool) -> Backend:
    """Make the backend called `name` with its own options (torch: `compile`).

    `InputError` for a name or an option that does not exist. Whether the runtime is installed
    shows when `version` or anything after it is called.
    """
    try:
        return _make(name, options)
    except TypeError as error:
        raise InputError(f"backend {name} has not the options {sorted(options)}") from error


def _make(name: str, options: dict[str, bool]) -> Backend:
    match name:
        case "torch":
            from bench.backends.torch_backend import TorchBackend

            return TorchBackend(**options)
        case "onnx":
            from bench.backends.onnx_backend import OnnxBackend

            return OnnxBackend(**options)
        case "tflite":
            from bench.backends.tflite_backend import TfliteBackend

            return TfliteBackend(**options)
        case "tensorrt":
            from bench.backends.tensorrt_backend import TensorrtBackend

            return TensorrtBackend(**options)
        case "fake":
            from bench.backends.fake import FakeBackend

            return FakeBackend(**options)
    raise InputError(f"backend is {name!r}, expected torch, onnx, tflite or tensorrt")
