"""The graph of a TFLite file, with the shapes of a run."""

import struct
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bench.backends.tflite_schema import schema
from bench.errors import FileError, InputError, MissingRuntimeError
from bench.files import VALUE_DAMAGE
from bench.models.model_file import ModelFile
from bench.operators.graph import VALUES_KEPT, TensorFacts

CUSTOM = "CUSTOM"
NO_TENSOR = -1  # the index of an input that is left out
_IN_FILE = 1  # the largest offset of a buffer that is inside the flatbuffer


@dataclass(frozen=True, kw_only=True)
class TfliteGraph:
    """The main graph of a TFLite file.

    Attributes:
        model: the whole file, the schema's `ModelT`.
        tensors: facts of tensors of numbers and booleans, by index.
        constants: content of constant tensors, by index.
        quantised: indices of the tensors that have a scale.
    """

    model: Any
    tensors: Mapping[int, TensorFacts]
    constants: Mapping[int, bytes]
    quantised: Set[int] = frozenset()

    @property
    def graph(self) -> Any:
        """The main graph, the schema's `SubGraphT`."""
        return self.model.subgraphs[0]

    @property
    def operators(self) -> list[Any]:
        """The operators in their order, the schema's `OperatorT`."""
        return list(self.graph.operators or ())

    def kind(self, operator: Any) -> str:
        """Return an operator's name; "CUSTOM NAME" for one that is not TFLite's own."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        number = max(code.deprecatedBuiltinCode, code.builtinCode)
        name = _kinds().get(number, f"OPERATOR_{number}")
        return f"{CUSTOM} {text(code.customCode)}" if name == CUSTOM else name


def tflite_graph(file: ModelFile, threads: int = 1) -> TfliteGraph:
    """Read a TFLite file's graph, and run it once without a delegate for shapes and small values.

    Raises:
        FileError: it is no TFLite file, or the runtime cannot run it.
        InputError: a dynamic input has no shape, or weights are outside the file.
        MissingRuntimeError: LiteRT is not installed.
    """
    from bench.backends.tflite_backend import open_file

    kind = objects().ModelT
    loaded = open_file(file, threads, delegate=False)
    content = file.content()
    model = _unpacked(kind, file.name, content)
    if getattr(model, "externalBuffers", None):
        raise InputError(f"{file.name} keeps weights in other files: its operators cannot be cut")
    declared = model.subgraphs[0].tensors
    constants = {}
    for index, tensor in enumerate(declared):
        if data := _data(model.buffers[tensor.buffer], content):
            constants[index] = data
    tensors = {}
    for index, shape, value in loaded.tensors():
        if index >= len(declared):  # temporary tensors follow
            continue
        if (facts := _facts(declared[index], shape, value)) is not None:
            tensors[index] = facts
    return TfliteGraph(
        model=model,
        tensors=tensors,
        constants=constants,
        quantised={index for index, tensor in enumerate(declared) if scales_of(tensor)},
    )


def _unpacked(kind: Any, name: str, content: bytes) -> Any:
    """Return a file's content as the schema's `ModelT`."""
    try:
        return kind.InitFromPackedBuf(bytearray(content), 0)
    except (struct.error, *VALUE_DAMAGE) as error:
        raise FileError(f"{name} is truncated or damaged: {error}") from error


def objects() -> Any:
    """Return the schema's module with its object API; `MissingRuntimeError` where it has none."""
    module = schema()
    if not hasattr(module, "ModelT"):
        raise MissingRuntimeError(
            "operators of TFLite files need LiteRT, which is not installed: pip install "
            "ai-edge-litert"
        )
    return module


def indices(tensors: Any) -> list[int]:
    """Return a list of tensors of a flatbuffer, which is None where it is empty."""
    return [] if tensors is None else [int(index) for index in tensors]


def scales_of(tensor: Any) -> list[float]:
    """Return the scales of a quantised `TensorT`; none of any other."""
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return [] if scales is None else [float(scale) for scale in scales]


def text(name: bytes | str | None) -> str:
    """Return a name of a flatbuffer as text."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name or ""


def _data(buffer: Any, content: bytes) -> bytes:
    """Return a buffer's content, which in files above 2 GB comes after the flatbuffer."""
    if getattr(buffer, "offset", 0) > _IN_FILE:
        return content[buffer.offset : buffer.offset + buffer.size]
    return b"" if buffer.data is None else bytes(np.asarray(buffer.data, dtype=np.uint8))


def _facts(tensor: Any, shape: tuple[int, ...], value: Any) -> TensorFacts | None:
    """Return what is known of a tensor; None for texts and resources."""
    dtype = _types().get(tensor.type, "")
    if dtype in {"", "string", "resource", "variant"}:
        return None
    decisive = value is not None and value.dtype.kind in "iub" and value.size <= VALUES_KEPT
    return TensorFacts(
        dtype=dtype,
        shape=shape,
        values=np.array(value) if decisive and not scales_of(tensor) else None,
    )


@cache
def _kinds() -> dict[int, str]:
    return _names(schema().BuiltinOperator)


@cache
def _types() -> dict[int, str]:
    return {number: name.lower() for number, name in _names(schema().TensorType).items()}


def _names(enumeration: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}
