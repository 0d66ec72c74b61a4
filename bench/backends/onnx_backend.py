"""onnxruntime's CPU provider: all graph optimisations, inputs and outputs bound beforehand."""

from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bench.backends.inputs import (
    check_file_input,
    check_fixed,
    check_images,
    check_precision,
    only_pair,
    random_images,
)
from bench.backends.onnx_file_model import OnnxFileModel
from bench.blocks.model import Model
from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import FileError, MissingRuntimeError
from bench.models.model_file import ModelFile
from bench.protocol.backend import Array
from bench.protocol.target import Target

_INSTALL = "pip install onnxruntime onnx"


class OnnxModel:
    """A session with its input and output bound to memory that onnxruntime allocated."""

    def __init__(self, session: Any, target: Target, seed: int) -> None:
        from onnxruntime import OrtValue

        (model_input, model_output) = only_pair(session.get_inputs(), session.get_outputs())
        check_file_input(model_input.shape, model_input.type == "tensor(float)", target)
        check_fixed(model_output.shape, "gives")
        self._shape = tuple(model_input.shape)
        self._input = OrtValue.ortvalue_from_shape_and_type(list(model_input.shape), np.float32)
        self._input.update_inplace(random_images(self._shape, seed))
        self._output = OrtValue.ortvalue_from_shape_and_type(list(model_output.shape), np.float32)
        binding = session.io_binding()
        binding.bind_ortvalue_input(model_input.name, self._input)
        binding.bind_ortvalue_output(model_output.name, self._output)
        self.run: Callable[[], object] = partial(session.run_with_iobinding, binding)

    def infer(self, images: Array) -> Array:
        previous = np.array(self._input.numpy())
        self._input.update_inplace(check_images(images, self._shape))
        self.run()
        result = np.array(self._output.numpy())
        self._input.update_inplace(previous)
        return result


class OnnxBackend:
    """ONNX graphs written by `onnx_graph`, run by onnxruntime's CPU provider."""

    name = "onnx"
    file_suffix = ".onnx"

    def version(self) -> str:
        return _runtime_version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def serialise(self, model: Model, batch: int = 1) -> bytes:
        self.version()
        from bench.backends.onnx_graph import onnx_bytes

        return onnx_bytes(model, batch)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> OnnxModel:
        check_precision(target)  # models made here are float32
        return self.load_file(self.serialise(model, target.batch), target, seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> OnnxModel:
        self.version()
        check_precision(target, PRECISIONS)
        return OnnxModel(_session(content, target.threads), target, seed)

    def load_model_file(self, file: ModelFile, target: Target, *, seed: int = 0) -> OnnxFileModel:
        """Load an ONNX file of any origin from its path, so that external data is found."""
        self.version()
        source = str(file.path) if file.data is None else file.data
        session = _session(source, target.threads, optimise=file.optimise)
        try:
            return OnnxFileModel(session, file, seed)
        except refusals() as error:
            line = " ".join(str(error).split())[:200]
            raise FileError(f"onnxruntime cannot run {file.name}: {line}") from error


@cache
def _runtime_version() -> str:
    if _is_installed("onnxruntime") and _is_installed("onnxruntime-gpu"):
        raise MissingRuntimeError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other: "
            "pip uninstall -y onnxruntime onnxruntime-gpu, then install the one you want"
        )
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError as error:
        raise MissingRuntimeError(
            f"backend onnx cannot import {error.name or 'onnxruntime'}: {_INSTALL}"
        ) from error
    return str(onnxruntime.__version__)


def session_options(threads: int, *, optimise: bool = True) -> Any:
    """Return the options of a session: every optimisation of the graph, or none."""
    import onnxruntime

    level = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    options.log_severity_level = 3
    # Threads of one model must not keep spinning while the next model runs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _session(content: bytes | str, threads: int, *, optimise: bool = True) -> Any:
    import onnxruntime

    options = session_options(threads, optimise=optimise)
    try:
        # Without the fallback, which prints to stdout and then tries the same again.
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except refusals() as error:
        line = " ".join(str(error).split())[:200]
        raise FileError(f"not an ONNX file that onnxruntime can run: {line}") from error
    # The session would keep the file for a change of providers, which never happens.
    session._model_bytes = None
    return session


def refusals() -> tuple[type[Exception], ...]:
    """Return the exceptions that onnxruntime raises for a model that it cannot load or run."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.Fail,
        state.EPFail,
        state.NotImplemented,
        state.RuntimeException,
        state.NoSuchFile,
        UnicodeDecodeError,  # a message that quotes a damaged name
    )


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
