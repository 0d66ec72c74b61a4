"""A TFLite file of a few operators of another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers

from bench.operators.tflite_graph import objects

_FILE_IDENTIFIER, _SCHEMA_VERSION = b"TFL3", 3
_DATA_ALIGNMENT = 16  # the schema's force_align of Buffer.data, which Python's API does not apply


def unit_file(
    tensors: Sequence[tuple[Any, bytes]],
    operators: Sequence[tuple[Any, Any]],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    """Return the content of a TFLite file.

    Args:
        tensors: each `TensorT` with its content, empty where it is computed or given.
        operators: each `OperatorT`, with indices of these tensors, and its `OperatorCodeT`.
        inputs, outputs: indices of the graph's.
    """
    kinds = objects()
    model, graph = kinds.ModelT(), kinds.SubGraphT()
    model.version, model.description, model.buffers = _SCHEMA_VERSION, "ofabench", [_Buffer(b"")]
    for tensor, data in tensors:
        if data:
            tensor.buffer = len(model.buffers)
            model.buffers.append(_Buffer(data))
    model.operatorCodes = [code for _, code in operators]
    for place, (operator, _) in enumerate(operators):
        operator.opcodeIndex = place
    graph.name, graph.tensors = "main", [tensor for tensor, _ in tensors]
    graph.inputs, graph.outputs = list(inputs), list(outputs)
    graph.operators = [operator for operator, _ in operators]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(sum(len(data) for _, data in tensors) + (1 << 12))
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())


@dataclass(frozen=True, slots=True)
class _Buffer:
    """A buffer that is packed with the alignment that the schema asks for."""

    data: bytes

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the name in the schema's API
        kinds = objects()
        vector = None
        if self.data:
            builder.StartVector(1, len(self.data), _DATA_ALIGNMENT)
            builder.head -= len(self.data)
            place = slice(builder.head, builder.head + len(self.data))
            builder.Bytes[place] = self.data
            vector = builder.EndVector()
        kinds.BufferStart(builder)
        if vector is not None:
            kinds.BufferAddData(builder, vector)
        return int(kinds.BufferEnd(builder))
