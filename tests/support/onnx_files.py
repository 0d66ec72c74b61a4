"""Small ONNX files of any origin, written by ONNX's own helpers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def save_graph(  # noqa: PLR0913, PLR0917
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[tuple[str, int, Shape]],
    outputs: Sequence[tuple[str, int, Shape | None]],
    weights: dict[str, np.ndarray[Any, Any]] | None = None,
    domains: Sequence[str] = (),
) -> Path:
    """Write a graph of nodes; inputs and outputs are name, element type, shape."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(each, 1) for each in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def save_relu(path: Path, shape: Shape = ("n", 4)) -> Path:
    """Write y = relu(x) for float32 x of a shape with dynamic dimensions."""
    node = helper.make_node("Relu", ["x"], ["y"])
    kind = TensorProto.FLOAT
    return save_graph(path, [node], [("x", kind, shape)], [("y", kind, shape)])


def save_lookup(path: Path) -> Path:
    """Write rows = table[ids], counts = nonzero(mask): int64 and boolean inputs, two outputs.

    The second output's shape depends on the values of `mask`.
    """
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("NonZero", ["mask"], ["places"]),
    ]
    return save_graph(
        path,
        nodes,
        [("ids", TensorProto.INT64, ["length"]), ("mask", TensorProto.BOOL, ["length"])],
        [("rows", TensorProto.FLOAT, ["length", 2]), ("places", TensorProto.INT64, None)],
        {"table": np.array([[0, 1], [10, 11]], dtype=np.float32)},
    )


def save_quantised(path: Path) -> Path:
    """Write y = hardsigmoid(x + x) with every tensor between quantised to uint8.

    onnxruntime fuses the sum to one of integers; it has no integer HardSigmoid.
    """
    nodes = []
    for source, name in (("x", "a"), ("sum", "b"), ("gate", "y")):
        quantised = f"{name}_quantised"
        nodes += [
            helper.make_node("QuantizeLinear", [source, "scale", "zero"], [quantised]),
            helper.make_node("DequantizeLinear", [quantised, "scale", "zero"], [name]),
        ]
    nodes.insert(2, helper.make_node("Add", ["a", "a"], ["sum"]))
    nodes.insert(5, helper.make_node("HardSigmoid", ["b"], ["gate"]))
    kind, shape = TensorProto.FLOAT, [8, 16]
    constants = {"scale": np.float32(0.125), "zero": np.uint8(128)}
    weights = {name: np.array(value) for name, value in constants.items()}
    return save_graph(path, nodes, [("x", kind, shape)], [("y", kind, shape)], weights)


def save_custom(path: Path) -> Path:
    """Write a graph with an operator that no runtime has."""
    node = helper.make_node("Nowhere", ["x"], ["y"], domain="elsewhere")
    kind = TensorProto.FLOAT
    return save_graph(path, [node], [("x", kind, [1])], [("y", kind, [1])], domains=["elsewhere"])


def save_texts(path: Path) -> Path:
    """Write a graph whose input is text."""
    node = helper.make_node("Identity", ["x"], ["y"])
    kind = TensorProto.STRING
    return save_graph(path, [node], [("x", kind, [1])], [("y", kind, [1])])


def save_external(path: Path) -> Path:
    """Write y = x + w, with w in the file `weights.bin` beside it."""
    save_graph(
        path,
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [("x", TensorProto.FLOAT, [300])],
        [("y", TensorProto.FLOAT, [300])],
        {"w": np.arange(300, dtype=np.float32)},
    )
    return _with_external_data(path)


def save_external_branches(path: Path) -> Path:
    """Write y = x + 1 or y = x + 2 by a condition, with 1 and 2 in the file `weights.bin`."""
    branches = {}
    for name, value in (("then_branch", 1), ("else_branch", 2)):
        constant = numpy_helper.from_array(np.full(300, value, dtype=np.float32), "w")
        branches[name] = helper.make_graph(
            [helper.make_node("Add", ["x", "w"], ["z"])],
            name,
            [],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, [300])],
            [constant],
        )
    save_graph(
        path,
        [helper.make_node("If", ["condition"], ["y"], **branches)],
        [("condition", TensorProto.BOOL, []), ("x", TensorProto.FLOAT, [300])],
        [("y", TensorProto.FLOAT, [300])],
    )
    return _with_external_data(path)


def _with_external_data(path: Path) -> Path:
    """Move the weights of a model to the file `weights.bin` beside it."""
    model = onnx.load(str(path))
    onnx.save(
        model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return path


def save_huge(path: Path) -> Path:
    """Write a small graph that needs 4 TB of memory to run."""
    return save_graph(
        path,
        [helper.make_node("Expand", ["x", "shape"], ["y"])],
        [("x", TensorProto.FLOAT, [1])],
        [("y", TensorProto.FLOAT, None)],
        {"shape": np.array([1 << 20, 1 << 20], np.int64)},
    )


def save_misfit(path: Path) -> Path:
    """Write a graph that loads and cannot run: an index outside of its table."""
    return save_graph(
        path,
        [helper.make_node("Gather", ["table", "ids"], ["y"])],
        [("ids", TensorProto.INT64, [2])],
        [("y", TensorProto.FLOAT, None)],
        {"table": np.zeros((0, 2), np.float32)},
    )


def save_opset(path: Path, version: int = 99) -> Path:
    """Write a relu of an opset that no runtime has yet."""
    model = onnx.load(str(save_relu(path, (2, 4))))
    model.opset_import[0].version = version
    onnx.save(model, str(path))
    return path


def save_bfloat16(path: Path) -> Path:
    """Write a graph whose input is of a type that numpy lacks."""
    node = helper.make_node("Identity", ["x"], ["y"])
    kind = TensorProto.BFLOAT16
    return save_graph(path, [node], [("x", kind, [1])], [("y", kind, [1])])
