"""Small TFLite files of any origin, written through the schema's own objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from bench.backends.tflite_schema import schema

TENSOR_TYPES = {
    np.dtype(np.float32): "FLOAT32",
    np.dtype(np.float16): "FLOAT16",
    np.dtype(np.int32): "INT32",
    np.dtype(np.int8): "INT8",
    np.dtype(np.bool_): "BOOL",
}
TensorSpec = Any
"""A constant's array, or the shape of a float32 tensor; see `Graph`."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operator: its name in the schema, its tensors by name, and its table of options."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    custom: str = ""
    custom_options: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph: tensors by name, operators in order.

    A tensor is an array (a constant), or a shape, or a pair of shape and numpy type. Tensors of
    int8 are quantised with the scale 1/8 and the zero point 0. A side of -1 is dynamic.
    """

    tensors: dict[str, TensorSpec]
    nodes: Sequence[Node]
    inputs: Sequence[str] = ("x",)
    outputs: Sequence[str] = ("y",)


def save_tflite(path: Path, *graphs: Graph) -> Path:
    """Write a TFLite file; the graphs after the first are for control flow."""
    module = schema()
    model = module.ModelT()
    model.version, model.description = 3, "by hand"
    model.buffers, model.operatorCodes = [module.BufferT()], []
    model.subgraphs = [_graph(graph, model) for graph in graphs]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def save_products(path: Path, width: int, tail: str = "TANH") -> Path:
    """Write a chain of two matrix products with an activation after each."""
    rng, shape = np.random.default_rng(0), (4, width)
    weights = {name: rng.standard_normal((width, width), dtype=np.float32) for name in "ab"}
    nodes = [
        Node(
            op="FULLY_CONNECTED",
            inputs=["x", "a", ""],
            outputs=["p"],
            options="FullyConnectedOptions",
        ),
        Node(op="TANH", inputs=["p"], outputs=["q"]),
        Node(
            op="FULLY_CONNECTED",
            inputs=["q", "b", ""],
            outputs=["r"],
            options="FullyConnectedOptions",
        ),
        Node(op=tail, inputs=["r"], outputs=["y"]),
    ]
    tensors = {"x": shape, **weights, "p": shape, "q": shape, "r": shape, "y": shape}
    return save_tflite(path, Graph(tensors=tensors, nodes=nodes))


def save_quantised(path: Path, kind: str) -> Path:
    """Write y = kind(x) for float32 x and y, with the operator on int8 between conversions."""
    shape = (4, 16)
    nodes = [
        Node(op="QUANTIZE", inputs=["x"], outputs=["a"]),
        Node(op=kind, inputs=["a"], outputs=["b"]),
        Node(op="DEQUANTIZE", inputs=["b"], outputs=["y"]),
    ]
    tensors = {"x": shape, "a": (shape, np.int8), "b": (shape, np.int8), "y": shape}
    return save_tflite(path, Graph(tensors=tensors, nodes=nodes))


def save_tokens(path: Path) -> Path:
    """Write y = table[tokens] for 6 int32 tokens and a table of 2 rows of 3 values: 1 to 6."""
    table = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    node = Node(op="GATHER", inputs=["table", "tokens"], outputs=["y"], options="GatherOptions")
    tensors = {"tokens": ((6,), np.int32), "table": table, "y": (6, 3)}
    return save_tflite(path, Graph(tensors=tensors, nodes=[node], inputs=["tokens"]))


def save_two_inputs(path: Path) -> Path:
    """Write y = a - float(b) and z = -a for a of float32 and b of int32, each of 4 values."""
    nodes = [
        Node(op="CAST", inputs=["b"], outputs=["c"]),
        Node(op="SUB", inputs=["a", "c"], outputs=["y"], options="SubOptions"),
        Node(op="NEG", inputs=["a"], outputs=["z"]),
    ]
    tensors = {"a": (4,), "b": ((4,), np.int32), "c": (4,), "y": (4,), "z": (4,)}
    graph = Graph(tensors=tensors, nodes=nodes, inputs=["a", "b"], outputs=["y", "z"])
    return save_tflite(path, graph)


def save_int8_input(path: Path) -> Path:
    """Write y = x / 8 for int8 x of 4 values and float32 y."""
    node = Node(op="DEQUANTIZE", inputs=["x"], outputs=["y"])
    tensors = {"x": ((4,), np.int8), "y": (4,)}
    return save_tflite(path, Graph(tensors=tensors, nodes=[node]))


def _graph(graph: Graph, model: Any) -> Any:
    made = schema().SubGraphT()
    places = {name: place for place, name in enumerate(graph.tensors)} | {"": -1}
    made.name = "graph"
    made.tensors = [_tensor(name, spec, model) for name, spec in graph.tensors.items()]
    made.inputs = [places[name] for name in graph.inputs]
    made.outputs = [places[name] for name in graph.outputs]
    made.operators = [_node(node, places, model) for node in graph.nodes]
    return made


def _tensor(name: str, spec: TensorSpec, model: Any) -> Any:
    tensor = schema().TensorT()
    tensor.name, dtype, shape = name, np.dtype(np.float32), spec
    if isinstance(spec, np.ndarray):
        dtype, shape = spec.dtype, spec.shape
        buffer = schema().BufferT()
        buffer.data = np.frombuffer(spec.tobytes(), dtype=np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    elif spec and isinstance(spec[0], tuple):
        shape, dtype = spec[0], np.dtype(spec[1])
    tensor.type = getattr(schema().TensorType, TENSOR_TYPES[dtype])
    tensor.shape = [abs(side) for side in shape]
    if min(shape, default=0) < 0:
        tensor.shapeSignature = list(shape)
    if dtype == np.int8:
        tensor.quantization = schema().QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.125], [0]
    return tensor


def _node(node: Node, places: dict[str, int], model: Any) -> Any:
    module = schema()
    code, operator = module.OperatorCodeT(), module.OperatorT()
    code.builtinCode = getattr(module.BuiltinOperator, node.op)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
    code.customCode = node.custom or None
    operator.opcodeIndex = len(model.operatorCodes)
    model.operatorCodes.append(code)
    operator.inputs = [places[name] for name in node.inputs]
    operator.outputs = [places[name] for name in node.outputs]
    if node.custom_options:
        operator.customOptions = list(node.custom_options)
    if node.options:
        operator.builtinOptionsType = getattr(module.BuiltinOptions, node.options)
        operator.builtinOptions = getattr(module, f"{node.options}T")()
        for name, value in node.fields.items():
            setattr(operator.builtinOptions, name, value)
    return operator


def typed_operators(content: bytes) -> list[tuple[str, str]]:
    """Return the operators of a file in order, each with the type of its first input."""
    kinds = schema()
    ops = {code: name for name, code in vars(kinds.BuiltinOperator).items()}
    types = {code: name for name, code in vars(kinds.TensorType).items()}
    model: Any = kinds.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    return [
        (
            ops[model.operatorCodes[operator.opcodeIndex].builtinCode],
            types[graph.tensors[operator.inputs[0]].type],
        )
        for operator in graph.operators
    ]


def operators_of(content: bytes) -> list[str]:
    """Return the operators of a file in order."""
    return [name for name, _ in typed_operators(content)]
