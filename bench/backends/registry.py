"""Backends by name; importing this module imports no runtime."""

from collections.abc import Callable
from typing import Any

from bench.blocks.graph_form import CHOICES, GraphForm
from bench.errors import InputError, PluginError
from bench.protocol.backend import Backend
from bench.protocol.plugins import Plugins
from bench.protocol.target import Target

BACKENDS = ("torch", "onnx", "tflite", "fake")  # those that run on this machine's processor
FORMS = {"onnx": ("stem",), "tflite": tuple(CHOICES)}  # options of each
PLUGINS: Plugins[Backend] = Plugins(
    "backend", "ofabench.backends", Backend, (*BACKENDS, "tensorrt")
)


def register_backend(name: str, factory: Callable[..., Backend]) -> None:
    """Register a backend under a name, for this process.

    A package makes its backend known to every process, including the command line, by an entry
    point of the group `ofabench.backends`: `mine = "my_package:MyBackend"`.

    Args:
        name: what `get_backend` and `--backend` take; lowercase letters, digits, - and _.
        factory: the class, or a function that creates one, called with the backend's options by
            name. The backend must have that `name`.

    Raises:
        InputError: the name is taken, or the factory cannot be called.

    Example:
        >>> from bench.backends.fake import FakeBackend
        >>> class Twice(FakeBackend):
        ...     name = "twice"
        >>> register_backend("twice", Twice)
        >>> get_backend("twice").name
        'twice'
    """
    PLUGINS.register(name, factory)


def backend_of(target: Target) -> Backend:
    """Create the backend of a target, with the graph forms that are among its options.

    Raises:
        InputError: there is no such backend.
        PluginError: a backend of another package does not work.

    Example:
        >>> target = Target(device="d", backend="tflite", backend_version="1")
        >>> backend_of(target.with_options(hswish="decomposed")).options()
        (('hswish', 'decomposed'),)
    """
    return formed_backend(target.backend, GraphForm.from_options(target.options))


def formed_backend(name: str, form: GraphForm) -> Backend:
    """Create a backend that writes graphs in a form; `InputError` where it lacks the form."""
    return get_backend(name, **dict(form.options()))


def get_backend(name: str, **options: Any) -> Backend:
    """Create a backend by its name.

    Args:
        name: `torch`, `onnx`, `tflite`, `tensorrt`, `fake`, or a registered name.
        options: the backend's options: torch `compile`; onnx `stem`; tflite `hswish`,
            `depthwise7`, `stem` and `weights` (see `bench.blocks.graph_form`).

    Returns:
        The backend. Whether its runtime is installed is checked when `version` or a later method
        is called.

    Raises:
        InputError: there is no such name or option.
        PluginError: a backend of another package does not work.

    Example:
        >>> get_backend("onnx").file_suffix
        '.onnx'
    """
    if name not in PLUGINS.built_in:
        return _plugin(name, options)
    try:
        return _make(name, options)
    except TypeError as error:
        raise InputError(f"backend {name} does not have the options {sorted(options)}") from error


def _plugin(name: str, options: dict[str, Any]) -> Backend:
    backend = PLUGINS.make(name, **options)
    if backend is None:
        others = "".join(f", {other}" for other in PLUGINS.names())
        raise InputError(f"backend is {name!r}, expected torch, onnx, tflite or tensorrt{others}")
    if backend.name != name:
        raise PluginError(
            f"the backend {name} gives its name as {backend.name!r:.80}; both must be the same"
        )
    return backend


def _make(name: str, options: dict[str, Any]) -> Backend:
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
