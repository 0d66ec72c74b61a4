"""onnxruntime's CPU provider: all graph optimisations, inputs and outputs bound beforehand."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bench.backends.boundary import FLOAT32, Boundary
from bench.backends.inputs import (
    check_file_input,
    check_fixed,
    check_images,
    check_precision,
    only_pair,
    random_images,
)
from bench.backends.onnx_file_model import OnnxFileModel
from bench.backends.onnx_session import open_session, reason, refusals
from bench.blocks.graph_form import PLAIN, GraphForm
from bench.blocks.model import Model
from bench.blocks.quantisation import UINT8_LOWEST, Quantisation
from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import FileError, MissingRuntimeError
from bench.models.model_file import ModelFile
from bench.protocol.backend import Array
from bench.protocol.target import Target

_INSTALL = "pip install onnxruntime onnx"
FULL = "Failed to allocate memory"


class OnnxModel:
    """A session with its input and output bound to memory that onnxruntime allocated."""

    def __init__(self, session: Any, target: Target, seed: int) -> None:
        from onnxruntime import OrtValue

        (model_input, model_output) = only_pair(session.get_inputs(), session.get_outputs())
        properties = session.get_modelmeta().custom_metadata_map
        takes, self._gives = (_boundary(end, properties) for end in (model_input, model_output))
        check_file_input(model_input.shape, takes is not None, target)
        check_fixed(model_output.shape, "gives")
        self._shape, self._takes = tuple(model_input.shape), takes or FLOAT32
        self._input, self._output = (
            OrtValue.ortvalue_from_shape_and_type(list(end.shape), (boundary or FLOAT32).dtype)
            for end, boundary in ((model_input, takes), (model_output, self._gives))
        )
        self._input.update_inplace(self._takes.stored(random_images(self._shape, seed)))
        binding = session.io_binding()
        binding.bind_ortvalue_input(model_input.name, self._input)
        binding.bind_ortvalue_output(model_output.name, self._output)
        self.run: Callable[[], object] = partial(session.run_with_iobinding, binding)

    def infer(self, images: Array) -> Array:
        previous = np.array(self._input.numpy())
        self._input.update_inplace(self._takes.stored(check_images(images, self._shape)))
        self.run()
        result = (self._gives or FLOAT32).values(np.array(self._output.numpy()))
        self._input.update_inplace(previous)
        return result


def _boundary(end: Any, properties: Mapping[str, str]) -> Boundary | None:
    """Return what an input or output stores: float32, or uint8 as `onnx_graph` notes it in a file.

    None for others.
    """
    if end.type == "tensor(float)":
        return FLOAT32
    scale, _, zero_point = properties.get(end.name, "").partition(" ")
    if end.type != "tensor(uint8)" or not zero_point:
        return None
    return Boundary(np.uint8, Quantisation(float(scale), int(zero_point), UINT8_LOWEST))


class OnnxBackend:
    """ONNX graphs written by `onnx_graph`, run by onnxruntime's CPU provider.

    Its option is a form of the graph; see `bench.blocks.graph_form`.
    """

    name = "onnx"
    file_suffix = ".onnx"

    def __init__(self, *, stem: str = PLAIN.stem) -> None:
        self.form = GraphForm(stem=stem)

    def version(self) -> str:
        return _runtime_version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return self.form.options()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        self.version()
        from bench.backends.onnx_graph import onnx_bytes

        return onnx_bytes(model, batch, precision=precision, form=self.form)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> OnnxModel:
        check_precision(target, ("fp32", "int8"))
        content = self.serialise(model, target.batch, target.precision)
        return self.load_file(content, target, seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> OnnxModel:
        self.version()
        check_precision(target, PRECISIONS)
        return OnnxModel(open_session(content, target.threads), target, seed)

    def load_model_file(self, file: ModelFile, target: Target, *, seed: int = 0) -> OnnxFileModel:
        """Load an ONNX file of any origin from its path, so that external data is found."""
        self.version()
        session = open_session(file.source, target.threads, optimise=file.optimise)
        # A bound run that fails is a RuntimeError.
        refused: tuple[type[Exception], ...] = (*refusals(), RuntimeError)
        try:
            return OnnxFileModel(session, file, seed)
        except refused as error:
            if FULL in str(error):
                raise FileError(
                    f"{file.name} does not fit in this machine's memory: give it smaller shapes, "
                    "or measure it on a machine with more"
                ) from error
            raise FileError(f"onnxruntime cannot run {file.name}: {reason(error)}") from error


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


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
