"""Multiply-accumulates of TFLite operators, counted by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.backends.tflite_schema import schema
from bench.operators.graph import TensorFacts
from bench.operators.tflite_graph import TfliteGraph
from bench.operators.tflite_work import macs_of
from tests.support.tflite_files import Graph, Node, save_tflite

Shape = tuple[int, ...]


def graph_of(
    path: Path, op: str, inputs: Sequence[Shape], output: Shape, **fields: Any
) -> TfliteGraph:
    """Return a graph of one operator, whose tensors after the first are constants."""
    options = "BatchMatMulOptions" if op == "BATCH_MATMUL" else ""
    shapes = [*inputs, output]
    names = [f"t{place}" for place in range(len(shapes))]
    node = Node(op=op, inputs=names[:-1], outputs=names[-1:], options=options, fields=fields)
    graph = Graph(
        tensors=dict(zip(names, shapes, strict=True)),
        nodes=[node],
        inputs=names[:1],
        outputs=names[-1:],
    )
    content = save_tflite(path, graph).read_bytes()
    return TfliteGraph(
        model=schema().ModelT.InitFromPackedBuf(bytearray(content), 0),
        tensors={i: TensorFacts(dtype="float32", shape=shape) for i, shape in enumerate(shapes)},
        constants=dict.fromkeys(range(1, len(inputs)), b"0000"),
    )


@pytest.mark.parametrize(
    ("op", "inputs", "output", "macs"),
    [
        ("CONV_2D", [(1, 5, 5, 8), (16, 3, 3, 4), (16,)], (1, 5, 5, 16), 400 * 36),
        ("DEPTHWISE_CONV_2D", [(1, 5, 5, 8), (1, 3, 3, 8), (8,)], (1, 5, 5, 8), 200 * 9),
        ("CONV_3D", [(1, 4, 5, 5, 2), (3, 2, 2, 2, 6)], (1, 4, 5, 5, 6), 600 * 24),
        ("TRANSPOSE_CONV", [(4,), (2, 3, 3, 8), (1, 5, 5, 8)], (1, 11, 11, 2), 200 * 18),
        ("TRANSPOSE_CONV", [(4,), (2, 3, 3, 8)], (1, 11, 11, 2), 0),
        ("FULLY_CONNECTED", [(4, 10), (7, 10), (7,)], (4, 7), 28 * 10),
        ("BATCH_MATMUL", [(2, 3, 4, 5), (2, 3, 5, 6)], (2, 3, 4, 6), 144 * 5),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [(2, 7, 16), (8, 16), (8, 8), (8,)], (2, 7, 8), 14 * 192),
        ("TANH", [(4, 10)], (4, 10), 0),
        ("ADD", [(4, 10), (4, 10)], (4, 10), 0),
        ("CONV_2D", [(1, 5, 5, 8)], (1, 5, 5, 8), 0),
    ],
)
def test_multiply_accumulates_of_each_kind(
    tmp_path: Path, op: str, inputs: Sequence[Shape], output: Shape, macs: int
) -> None:
    graph = graph_of(tmp_path / "m.tflite", op, inputs, output)
    assert macs_of(graph, graph.operators[0]) == macs


def test_a_transposed_first_matrix_is_read_by_columns(tmp_path: Path) -> None:
    inputs = [(3, 5, 4), (3, 5, 6)]
    graph = graph_of(tmp_path / "m.tflite", "BATCH_MATMUL", inputs, (3, 4, 6), adjX=True)
    assert macs_of(graph, graph.operators[0]) == 72 * 5


def test_the_state_of_a_recurrent_operator_is_not_a_weight(tmp_path: Path) -> None:
    graph = graph_of(tmp_path / "m.tflite", "RNN", [(2, 16), (8, 16), (8, 8), (8,), (2, 8)], (2, 8))
    weights_alone = TfliteGraph(
        model=graph.model, tensors=graph.tensors, constants={1: b"0", 2: b"0", 3: b"0"}
    )
    assert macs_of(weights_alone, graph.operators[0]) == 2 * (8 * 16 + 8 * 8)
