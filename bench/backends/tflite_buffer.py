"""A TFLite flatbuffer under construction: tensors, operators and their codes.

All operators are of version 1, which every TFLite runtime of recent years reads.
"""

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from bench.backends.tflite_schema import FILE_IDENTIFIER, schema
from bench.blocks.quantisation import Quantisation

_SCHEMA_VERSION = 3
_KINDS = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "int32": "INT32",
    "int8": "INT8",
}  # by numpy's names
_DATA_ALIGNMENT = 16  # the schema's force_align of Buffer.data, which Python's API does not apply


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
        """Add a tensor with its data: float32, float16, int32 or, quantised, int8."""
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
        builder.Finish(model, FILE_IDENTIFIER)
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
