"""Features of operators for trees: their work, and the shapes of their tensors."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.operators.operator import Operator
from latency_models.operators.measured import work_matrix

Floats = NDArray[np.float64]

DIMENSIONS = 4  # of a tensor that count, the last ones
_SHAPE = re.compile(r"\d+(?:x\d+)*")


def feature_matrix(operators: Sequence[Operator]) -> Floats:
    """Return the features of operators, (n, 18), all in doublings.

    Four kinds of work; the last dimensions of the first two inputs and the first output, whose
    layout is that of the runtime; and MACs for each value written and each weight.
    """
    logarithms = np.log2(1 + work_matrix(operators)[:, 1:])
    shapes = np.log2(1 + np.array([tensor_sizes(each.shapes) for each in operators], float))
    macs, _, written, constant = logarithms.T
    return np.column_stack([logarithms, shapes, macs - written, macs - constant])


def tensor_sizes(shapes: str) -> list[int]:
    """Return the last dimensions of the first two inputs and the first output: 12 sizes.

    Example:
        >>> tensor_sizes("1x8x6x6, 8x1x3x3, 8 -> 1x8x4x4")
        [1, 8, 6, 6, 8, 1, 3, 3, 1, 8, 4, 4]
        >>> tensor_sizes("1x192 -> 1x10")
        [1, 1, 1, 192, 1, 1, 1, 1, 1, 1, 1, 10]
    """
    read, _, written = shapes.partition("->")
    inputs = [*_SHAPE.findall(read), "1", "1"]
    outputs = [*_SHAPE.findall(written), "1"]
    sizes: list[int] = []
    for text in (*inputs[:2], outputs[0]):
        last = [int(size) for size in text.split("x")][-DIMENSIONS:]
        sizes += [1] * (DIMENSIONS - len(last)) + last
    return sizes


def variant(operator: Operator) -> str:
    """Return "depthwise" or "pointwise" for such convolutions, which have kernels of their own.

    ONNX's filters are (out, in, height, width), TFLite's (out, height, width, in), whose depthwise
    convolutions are a kind by themselves.
    """
    if "conv" not in operator.kind.lower() or operator.macs == 0:
        return ""
    out, first, second, third = tensor_sizes(operator.shapes)[DIMENSIONS : 2 * DIMENSIONS]
    if operator.kind.isupper():
        return "pointwise" if first == second == 1 else ""
    if first == 1 and out > 1:
        return "depthwise"
    return "pointwise" if second == third == 1 else ""
