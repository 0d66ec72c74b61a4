"""TFLite's schema, and checks that a file follows it.

The schema's functions come from the runtime's package (`ai_edge_litert`) or, with the old
`tflite-runtime`, from the package `tflite`; both are generated from the same schema.
"""

import math
import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.inputs import MOST_VALUES
from bench.errors import FileError, MissingRuntimeError

FILE_IDENTIFIER = b"TFL3"


@cache
def schema() -> Any:
    """Return the module with the schema's functions and enumerations."""
    try:
        from ai_edge_litert import schema_py_generated as module
    except ImportError:
        try:
            import tflite as module
        except ImportError as error:
            raise MissingRuntimeError(
                "TFLite's schema is not installed: pip install ai-edge-litert (or, beside "
                "tflite-runtime: pip install tflite)"
            ) from error
    return module


def check_whole(content: bytes) -> None:
    """Raise `FileError` for a file that is not TFLite, or is truncated.

    LiteRT checks most of this itself; `tflite-runtime` does not, and would crash the process.
    """
    if content[4:8] != FILE_IDENTIFIER:
        raise FileError(f"not a TFLite file: it begins with {content[:8]!r}, not with ....TFL3")
    try:
        _read_all(schema().Model.GetRootAs(content, 0), len(content))
    except (struct.error, ValueError, IndexError, TypeError, AttributeError) as error:
        raise FileError(f"TFLite file is truncated or damaged: {error}") from error


def operator_outputs(content: bytes) -> tuple[str, ...]:
    """Return the name of every operator's output, in order of execution."""
    graph = schema().Model.GetRootAs(content, 0).Subgraphs(0)
    outputs = (graph.Operators(place).Outputs(0) for place in range(graph.OperatorsLength()))
    return tuple((graph.Tensors(index).Name() or b"").decode() for index in outputs)


def _read_all(model: Any, length: int) -> None:
    """Access all parts that an interpreter follows: reading past the end raises an error."""
    if not (model.BuffersLength() and model.OperatorCodesLength() and model.SubgraphsLength()):
        raise ValueError("it has no graph, operators or buffers")
    for place in range(model.BuffersLength()):
        buffer = model.Buffers(place)
        buffer.DataAsNumpy()
        # Data outside of the flatbuffer, which the schema for `tflite-runtime` does not have.
        end = buffer.Offset() + buffer.Size() if hasattr(buffer, "Offset") else 0
        if end > length:
            raise ValueError(f"a buffer ends at byte {end} of {length}")
    for place in range(model.OperatorCodesLength()):
        model.OperatorCodes(place).BuiltinCode()
    for place in range(model.SubgraphsLength()):
        graph = model.Subgraphs(place)
        for index in range(graph.TensorsLength()):
            tensor = graph.Tensors(index)
            _check_shape(tensor.ShapeAsNumpy())
            (tensor.Name() or b"").decode()
            _check_index(tensor.Buffer(), model.BuffersLength())
        for index in range(graph.OperatorsLength()):
            operator = graph.Operators(index)
            _check_index(operator.OpcodeIndex(), model.OperatorCodesLength())
            for used in (operator.InputsAsNumpy(), operator.OutputsAsNumpy()):
                _check_indices(used, graph.TensorsLength())
        for used in (graph.InputsAsNumpy(), graph.OutputsAsNumpy()):
            _check_indices(used, graph.TensorsLength())


def _check_shape(shape: NDArray[np.int32] | int) -> None:
    """Raise `ValueError` for a tensor larger than any input or output; 0 means no shape."""
    sides = np.atleast_1d(shape).tolist()
    if math.prod(sides) > MOST_VALUES or min(sides, default=0) < 0:
        raise ValueError(f"a tensor has the shape {sides}, expected at most {MOST_VALUES} values")


def _check_indices(indices: NDArray[np.int32] | int, length: int) -> None:
    """Raise `IndexError` for invalid entries; -1 is none, and 0 alone an empty list of indices."""
    entries = np.atleast_1d(indices)
    if isinstance(indices, np.ndarray) and entries.size:
        _check_index(int(entries.max()), length)
        if entries.min() < -1:
            raise IndexError(f"entry {entries.min()} of a list")


def _check_index(index: int, length: int) -> None:
    if index >= length:
        raise IndexError(f"entry {index} of a list of {length}")
