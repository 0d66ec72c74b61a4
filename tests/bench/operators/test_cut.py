"""Operators of executed ONNX graphs: their kinds and work, and that each runs by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from bench.backends.onnx_backend import OnnxBackend
from bench.errors import FileError
from bench.operators.cut import CutModel, cut
from bench.operators.graph import TensorFacts, executed_graph
from bench.operators.operator import Operator, macs_of
from bench.protocol.target import Target
from tests.support.onnx_files import save_custom, save_graph, save_quantised

FLOAT = TensorProto.FLOAT
TARGET = Target(device="here", backend="onnx", backend_version="1")


def weight(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def cut_of(path: Path, **inputs: np.ndarray[Any, Any]) -> CutModel:
    return cut(executed_graph(str(path), inputs))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Two equal matrix products with a view and a Tanh between them."""
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["p"]),
        helper.make_node("Tanh", ["p"], ["q"]),
        helper.make_node("Reshape", ["q", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "b"], ["s"]),
        helper.make_node("Softmax", ["s"], ["y"]),
    ]
    return save_graph(
        tmp_path / "chain.onnx",
        nodes,
        [("x", FLOAT, [3, 8])],
        [("y", FLOAT, [3, 8])],
        {"a": weight(8, 8), "b": weight(8, 8), "shape": np.array([3, 8], dtype=np.int64)},
    )


def test_equal_operators_are_counted_once_and_views_are_ignored(chain: Path) -> None:
    result = cut_of(chain, x=weight(3, 8))
    kinds = {operator.kind: result.counts[operator.digest] for operator, _ in result.operators}
    assert kinds == {"MatMul": 2, "Tanh": 1, "Softmax": 1}
    assert result.uncut == {}


def test_the_work_of_an_operator_is_counted(chain: Path) -> None:
    by_kind = {operator.kind: operator for operator, _ in cut_of(chain, x=weight(3, 8)).operators}
    product = by_kind["MatMul"]
    assert product.macs == 3 * 8 * 8
    assert (product.in_elements, product.out_elements, product.weight_elements) == (24, 24, 64)
    assert (product.in_bytes, product.out_bytes, product.weight_bytes) == (96, 96, 256)
    assert product.shapes == "3x8, 8x8 -> 3x8"
    assert (by_kind["Tanh"].macs, by_kind["Tanh"].weight_bytes) == (0, 0)


def test_an_operator_runs_by_itself(chain: Path) -> None:
    for operator, file in cut_of(chain, x=weight(3, 8)).operators:
        model = OnnxBackend().load_model_file(file, TARGET)
        (output,) = model.outputs()
        assert output.size == operator.out_elements
        assert file.digest == operator.digest


def test_the_digest_depends_on_shapes_and_not_on_weights(tmp_path: Path) -> None:
    def digest(rows: int, columns: int, scale: float, axis: int) -> str:
        path = save_graph(
            tmp_path / "m.onnx",
            [
                helper.make_node("MatMul", ["x", "w"], ["p"]),
                helper.make_node("Softmax", ["p"], ["y"], axis=axis),
            ],
            [("x", FLOAT, [rows, columns])],
            [("y", FLOAT, [rows, 4])],
            {"w": np.float32(scale) * weight(columns, 4)},
        )
        result = cut_of(path, x=weight(rows, columns))
        return " ".join(sorted(operator.digest for operator, _ in result.operators))

    first = digest(2, 8, 1.0, 1)
    assert digest(2, 8, 3.0, 1) == first
    assert digest(3, 8, 1.0, 1) != first
    assert digest(2, 9, 1.0, 1) != first
    assert digest(2, 8, 1.0, 0) != first


def test_control_flow_is_listed_as_uncut(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Sin", ["x"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", FLOAT, [2])],
    )
    node = helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)
    path = save_graph(
        tmp_path / "if.onnx",
        [node],
        [("flag", TensorProto.BOOL, []), ("x", FLOAT, [2])],
        [("y", FLOAT, [2])],
    )
    result = cut_of(path, flag=np.array(True), x=weight(2))
    assert result.uncut == {"If": 1}
    assert result.operators == ()


def test_small_integer_inputs_keep_the_values_of_the_run(tmp_path: Path) -> None:
    """A Slice with computed bounds has the same output as in the model."""
    nodes = [
        helper.make_node("Shape", ["x"], ["size"]),
        helper.make_node("Sub", ["size", "five"], ["start"]),
        helper.make_node("Slice", ["x", "start", "size"], ["y"]),
    ]
    path = save_graph(
        tmp_path / "slice.onnx",
        nodes,
        [("x", FLOAT, ["n"])],
        [("y", FLOAT, ["m"])],
        {"five": np.array([5], dtype=np.int64)},
    )
    result = cut_of(path, x=weight(12))
    (file,) = [file for operator, file in result.operators if operator.kind == "Slice"]
    (output,) = OnnxBackend().load_model_file(file, TARGET).outputs()
    assert output.shape == (5,)


def test_a_model_that_cannot_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot optimise the model"):
        cut_of(save_custom(tmp_path / "m.onnx"), x=weight(1))
    path = save_graph(
        tmp_path / "n.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        [("x", FLOAT, [2])],
        [("y", FLOAT, [2])],
    )
    with pytest.raises(FileError, match="cannot be looked at"):
        cut_of(path, x=weight(3))


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "macs"),
    [
        ("Conv", [(1, 8, 5, 5), (16, 4, 3, 3), (16,)], (1, 16, 5, 5), 400 * 36),
        ("com.microsoft.FusedConv", [(1, 8, 5, 5), (16, 8, 1, 1)], (1, 16, 5, 5), 400 * 8),
        ("ConvTranspose", [(1, 8, 5, 5), (8, 2, 3, 3)], (1, 2, 11, 11), 200 * 18),
        ("Gemm", [(4, 10), (7, 10), (7,)], (4, 7), 28 * 10),
        ("MatMul", [(2, 3, 4, 5), (2, 3, 5, 6)], (2, 3, 4, 6), 144 * 5),
        ("LSTM", [(7, 2, 16), (1, 64, 16), (1, 64, 16)], (7, 1, 2, 16), 14 * 2048),
        ("Relu", [(4, 10)], (4, 10), 0),
        ("Conv", [(1, 8, 5, 5)], (1, 8, 5, 5), 0),
    ],
)
def test_multiply_accumulates_of_each_kind(
    kind: str, inputs: list[tuple[int, ...]], output: tuple[int, ...], macs: int
) -> None:
    tensors = [TensorFacts(dtype="float32", shape=shape) for shape in inputs]
    assert macs_of(kind, tensors, [TensorFacts(dtype="float32", shape=output)]) == macs


def test_a_damaged_operator_is_refused() -> None:
    with pytest.raises(FileError, match="damaged"):
        Operator.from_json({"digest": "x"})


def test_quantised_operators_are_of_a_kind_of_their_type(tmp_path: Path) -> None:
    path = save_quantised(tmp_path / "net.onnx")
    result = cut_of(path, x=weight(8, 16))
    kinds = {operator.kind for operator, _ in result.operators}
    assert {"QuantizeLinear uint8", "DequantizeLinear uint8"} <= kinds
    for _, file in result.operators:
        OnnxBackend().load_model_file(file, TARGET)
