"""A TFLite flatbuffer under construction: tensors, operators and their codes.

The schema's builder functions come from the runtime's package (`ai_edge_litert`) or, with the old
`tflite-runtime`, from the package `tflite`; both are generated from the same schema. All operators
are of version 1, which every TFLite runtime of recent years reads.
"""

import math
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from bench.backends.inputs import MOST_VALUES
from bench.blocks.quantisation import Quantisation
from bench.errors import FileError, MissingRuntimeError

_FILE_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_KINDS = {"float32": "FLOAT32", "int32": "INT32", "int8": "INT8"}  # by numpy's names
_DATA_ALIGNMENT = 16  # the schema's force_align of Buffer.data, which Python's API does not apply


@cache
def schema() -> Any:
    """Return the module with the schema's builder functions and enumerations."""
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
    if content[4:8] != _FILE_IDENTIFIER:
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


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph: its index in the subgraph's list, its shape, and how int8 is stored.

    `quantisation` is None for float32 and int32.
    """

    index: int
    shape: tuple[int, ...]
    quantisation: Quantisation | None = None


class Flatbuffer:
    """Collects tensors and operators in order of execution; `finish` returns the file's content."""

    def __init__(self, expected_bytes: int = 1024) -> None:
        self._schema = schema()
        self._builder = flatbuffers.Builder(expected_bytes)
        # Buffer 0 is empty by TFLite's convention, for tensors without data.
        self._buffers = [self._table("Buffer")]
        self._tensors: list[int] = []
        self._operators: list[int] = []
        self._codes: dict[str, int] = {}

    def tensor(
        self, shape: tuple[int, ...], name: str, quantisation: Quantisation | None = None
    ) -> Tensor:
        """Add a tensor that is computed, or is the input: float32, or int8 where quantised."""
        table = 0 if quantisation is None else self._quantised(quantisation)
        index = self._tensor(shape, name, "FLOAT32" if quantisation is None else "INT8", 0, table)
        return Tensor(index, tuple(shape), quantisation)

    def constant(
        self, value: NDArray[Any], name: str, quantisation: Quantisation | None = None
    ) -> Tensor:
        """Add a tensor with its data: float32, int32 or, quantised, int8."""
        table = 0 if quantisation is None else self._quantised(quantisation)
        index = self._with_data(value, name, table)
        return Tensor(index, value.shape, quantisation)

    def channel_constant(
        self, value: NDArray[Any], name: str, scales: NDArray[np.float32], axis: int
    ) -> Tensor:
        """Add integers, int8 or int32, with a scale for each entry of `axis`, zero points 0."""
        points = np.zeros(len(scales), dtype=np.int64)
        table = self._quantisation(scales, points, axis)
        return Tensor(self._with_data(value, name, table), value.shape)

    def operator(
        self, op: str, inputs: list[Tensor], output: Tensor, options: str, **fields: int | bool
    ) -> None:
        """Append the builtin operator `op`; `options` names its options table in the schema."""
        options_table = self._table(options, **fields)
        code = self._codes.setdefault(op, len(self._codes))
        input_indices = self._int32s([tensor.index for tensor in inputs])
        output_indices = self._int32s([output.index])
        operator = self._table(
            "Operator",
            OpcodeIndex=code,
            Inputs=input_indices,
            Outputs=output_indices,
            BuiltinOptionsType=getattr(self._schema.BuiltinOptions, options),
            BuiltinOptions=options_table,
        )
        self._operators.append(operator)

    def finish(self, graph_input: Tensor, graph_output: Tensor) -> bytes:
        """Return the content of a TFLite file with one input and one output."""
        builder = self._builder
        codes = self._offsets([self._code(op) for op in self._codes])
        subgraph = self._table(
            "SubGraph",
            Tensors=self._offsets(self._tensors),
            Inputs=self._int32s([graph_input.index]),
            Outputs=self._int32s([graph_output.index]),
            Operators=self._offsets(self._operators),
            Name=builder.CreateString("main"),
        )
        model = self._table(
            "Model",
            Version=_SCHEMA_VERSION,
            OperatorCodes=codes,
            Subgraphs=self._offsets([subgraph]),
            Description=builder.CreateString("ofabench"),
            Buffers=self._offsets(self._buffers),
        )
        builder.Finish(model, _FILE_IDENTIFIER)
        return bytes(builder.Output())

    def _with_data(self, value: NDArray[Any], name: str, quantisation: int) -> int:
        builder = self._builder
        raw = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).tobytes()
        builder.StartVector(1, len(raw), _DATA_ALIGNMENT)
        builder.head -= len(raw)
        builder.Bytes[builder.head : builder.head + len(raw)] = raw
        self._buffers.append(self._table("Buffer", Data=builder.EndVector()))
        kind = _KINDS[value.dtype.name]
        return self._tensor(value.shape, name, kind, len(self._buffers) - 1, quantisation)

    def _tensor(
        self, shape: tuple[int, ...], name: str, kind: str, buffer: int, quantisation: int
    ) -> int:
        fields = {"Quantization": quantisation} if quantisation else {}
        table = self._table(
            "Tensor",
            Shape=self._int32s(shape),
            Type=getattr(self._schema.TensorType, kind),
            Buffer=buffer,
            Name=self._builder.CreateString(name),
            **fields,
        )
        self._tensors.append(table)
        return len(self._tensors) - 1

    def _quantised(self, quantisation: Quantisation) -> int:
        scales = np.array([quantisation.scale], dtype=np.float32)
        points = np.array([quantisation.zero_point], dtype=np.int64)
        return self._quantisation(scales, points, 0)

    def _quantisation(
        self, scales: NDArray[np.float32], points: NDArray[np.int64], axis: int
    ) -> int:
        return self._table(
            "QuantizationParameters",
            Scale=int(self._builder.CreateNumpyVector(scales)),
            ZeroPoint=int(self._builder.CreateNumpyVector(points)),
            QuantizedDimension=axis,
        )

    def _code(self, op: str) -> int:
        code = getattr(self._schema.BuiltinOperator, op)
        # Codes above 127 do not fit the field of the first schema, which readers still check.
        return self._table(
            "OperatorCode", DeprecatedBuiltinCode=min(code, 127), BuiltinCode=code, Version=1
        )

    def _table(self, name: str, **fields: int | bool) -> int:
        getattr(self._schema, f"{name}Start")(self._builder)
        for field, value in fields.items():
            getattr(self._schema, f"{name}Add{field}")(self._builder, value)
        return int(getattr(self._schema, f"{name}End")(self._builder))

    def _int32s(self, values: "list[int] | tuple[int, ...]") -> int:
        return int(self._builder.CreateNumpyVector(np.asarray(values, dtype=np.int32)))

    def _offsets(self, offsets: list[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())
