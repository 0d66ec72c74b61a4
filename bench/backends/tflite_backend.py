"""TFLite with XNNPACK, through LiteRT or, where that is not installed, `tflite-runtime`."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from bench.backends.boundary import FLOAT32, Boundary
from bench.backends.inputs import (
    check_file_input,
    check_images,
    check_precision,
    only_pair,
    random_images,
)
from bench.backends.native_messages import without_lines
from bench.backends.tflite_file_model import TfliteFileModel
from bench.blocks.graph_form import PLAIN, GraphForm
from bench.blocks.model import Model, random_model
from bench.blocks.quantisation import INT8_LOWEST, Quantisation
from bench.blocks.spec import BlockSpec
from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import FileError, InputError, MissingRuntimeError, one_line
from bench.models.model_file import ModelFile
from bench.protocol.backend import Array
from bench.protocol.target import Target

_POOL = BlockSpec(kind="avg_pool", in_size=1, in_channels=1, out_channels=1)


class TfliteModel:
    """An interpreter with its tensors allocated and its input filled."""

    def __init__(self, interpreter: Any, target: Target, seed: int) -> None:
        details = interpreter.get_input_details(), interpreter.get_output_details()
        model_input, model_output = only_pair(*details)
        self._takes, self._gives = _boundary(model_input), _boundary(model_output)
        shape = tuple(int(side) for side in model_input["shape"])
        check_file_input(shape, self._takes is not None, target)
        batch, height, width, channels = shape
        self._shape = (batch, channels, height, width)
        self._input, self._output = model_input["index"], model_output["index"]
        self._interpreter = interpreter
        self._set(random_images(self._shape, seed))
        self.run: Callable[[], object] = interpreter.invoke

    def infer(self, images: Array) -> Array:
        previous = self._interpreter.get_tensor(self._input)
        self._set(check_images(images, self._shape))
        self.run()
        result = (self._gives or FLOAT32).values(self._interpreter.get_tensor(self._output))
        self._interpreter.set_tensor(self._input, previous)
        return np.ascontiguousarray(result.transpose(0, 3, 1, 2)) if result.ndim == 4 else result

    def _set(self, images: Array) -> None:
        nhwc = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self._interpreter.set_tensor(self._input, (self._takes or FLOAT32).stored(nhwc))


def _boundary(details: dict[str, Any]) -> Boundary | None:
    """Return what an input or output stores: float32, or int8 with a scale; None for others."""
    dtype = details["dtype"]
    if dtype is np.float32:
        return FLOAT32
    scale, zero_point = details["quantization"]
    if dtype is not np.int8 or not scale:
        return None
    return Boundary(np.int8, Quantisation(float(scale), int(zero_point), INT8_LOWEST))


class TfliteBackend:
    """TFLite files written by `tflite_graph`, run by an interpreter with XNNPACK.

    Its options are the forms of the graph; see `bench.blocks.graph_form`.
    """

    name = "tflite"
    file_suffix = ".tflite"

    def __init__(
        self,
        *,
        hswish: str = PLAIN.hswish,
        depthwise7: str = PLAIN.depthwise7,
        stem: str = PLAIN.stem,
        weights: str = PLAIN.weights,
    ) -> None:
        self.form = GraphForm(hswish=hswish, depthwise7=depthwise7, stem=stem, weights=weights)

    def version(self) -> str:
        """Return the runtime's name and version: "litert-2.3.0" or "tflite-runtime-2.14.0"."""
        return _runtime()[0]

    def options(self) -> tuple[tuple[str, str], ...]:
        return self.form.options()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        self.version()
        from bench.backends.tflite_graph import tflite_bytes

        return tflite_bytes(model, batch, precision=precision, form=self.form)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> TfliteModel:
        if target.precision == "fp16":
            raise InputError(
                "LiteRT's interpreter for Python cannot compute in fp16, phones can: measure fp32, "
                "or --forms weights=float16 for files with float16 weights"
            )
        check_precision(target, ("fp32", "int8"))
        return _load(self.serialise(model, target.batch, target.precision), target, seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> TfliteModel:
        self.version()
        from bench.backends.tflite_schema import check_whole

        check_precision(target, PRECISIONS)
        check_whole(content)
        return _load(content, target, seed)

    def load_model_file(self, file: ModelFile, target: Target, *, seed: int = 0) -> TfliteFileModel:
        """Load a TFLite file of any origin."""
        return open_file(file, target.threads, seed=seed)


def open_file(
    file: ModelFile, threads: int, *, seed: int = 0, delegate: bool = True
) -> TfliteFileModel:
    """Load a TFLite file of any origin and run it once.

    Args:
        file: the file and its inputs.
        threads: of the interpreter.
        seed: of random inputs.
        delegate: whether XNNPACK runs what it can; without, every tensor keeps its value.

    Raises:
        FileError: it is no TFLite file, or this runtime cannot run it.
    """
    _, make = _runtime()
    from bench.backends.tflite_schema import check_whole

    content = file.content()
    check_whole(content)
    start_xnnpack()
    arguments = {} if delegate else _undelegated(make)
    try:
        interpreter = make(model_content=content, num_threads=threads, **arguments)
        return TfliteFileModel(interpreter, file, seed)
    except (ValueError, RuntimeError) as error:
        raise FileError(f"TFLite cannot run {file.name}: {one_line(error)}") from error


def _undelegated(make: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments of an interpreter that runs every operator and keeps all tensors."""
    kinds = import_module(make.__module__).OpResolverType
    return {
        "experimental_op_resolver_type": kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "experimental_preserve_all_tensors": True,
    }


def _load(content: bytes, target: Target, seed: int) -> TfliteModel:
    _, make = _runtime()
    start_xnnpack()
    try:
        interpreter = make(model_content=content, num_threads=target.threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise FileError(
            f"not a TFLite file that this runtime can run: {one_line(error)}"
        ) from error
    return TfliteModel(interpreter, target, seed)


@cache
def start_xnnpack() -> None:
    """Have XNNPACK's library write its notice, which it does once in a process, where none sees it.

    It runs a pool of one pixel, so that messages about other models are shown at once.
    """
    from bench.backends.tflite_graph import tflite_bytes

    _, make = _runtime()
    pool = random_model((_POOL,))
    with without_lines("Created TensorFlow Lite XNNPACK delegate"):
        make(model_content=tflite_bytes(pool, 1), num_threads=1).allocate_tensors()


@cache
def _runtime() -> tuple[str, Callable[..., Any]]:
    """Return the runtime's name with its version, and the interpreter's class."""
    try:
        from ai_edge_litert.interpreter import Interpreter

        return f"litert-{version('ai-edge-litert')}", Interpreter
    except ImportError:
        pass
    try:
        from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        raise MissingRuntimeError(
            "backend tflite needs LiteRT, which is not installed: pip install ai-edge-litert "
            "(or, with numpy < 2: pip install tflite-runtime tflite)"
        ) from error
    return f"tflite-runtime-{version('tflite-runtime')}", Interpreter
