"""Multiply-accumulates of TFLite operators."""

import math
from typing import Any

from bench.operators.tflite_graph import TfliteGraph, indices

_RECURRENT = frozenset(
    {
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "LSTM",
        "RNN",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
    }
)
_MATRIX = 2  # dimensions


def macs_of(graph: TfliteGraph, operator: Any) -> int:  # noqa: PLR0911 - a line a kind
    """Return the multiply-accumulates of an operator; 0 where it is of no kind that has them."""
    kind, read = graph.kind(operator), indices(operator.inputs)
    inputs = [graph.tensors.get(index) for index in read]
    output = next((graph.tensors.get(index) for index in indices(operator.outputs)), None)
    if len(inputs) <= 1 or inputs[0] is None or inputs[1] is None or output is None:
        return 0
    first, weight = inputs[0], inputs[1]
    if kind == "CONV_2D":  # weights are (outputs, height, width, inputs)
        return output.elements * math.prod(weight.shape[1:])
    if kind == "DEPTHWISE_CONV_2D":  # (1, height, width, channels)
        return output.elements * math.prod(weight.shape[1:3])
    if kind == "CONV_3D":  # (depth, height, width, inputs, outputs)
        return output.elements * math.prod(weight.shape[:4])
    if kind == "TRANSPOSE_CONV":  # the shape, (outputs, height, width, inputs), the input
        source = inputs[2] if len(inputs) > 2 else None
        return 0 if source is None else source.elements * math.prod(weight.shape[:3])
    if kind == "FULLY_CONNECTED":
        return output.elements * weight.shape[-1]
    if kind == "BATCH_MATMUL":
        transposed = bool(operator.builtinOptions and operator.builtinOptions.adjX)
        return output.elements * first.shape[-2 if transposed else -1]
    if kind in _RECURRENT:
        steps = math.prod(first.shape[:-1])
        constant = [graph.tensors[index] for index in read[1:] if index in graph.constants]
        return steps * sum(each.elements for each in constant if len(each.shape) == _MATRIX)
    return 0
