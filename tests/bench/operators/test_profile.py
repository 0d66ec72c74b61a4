"""Time by operator: medians of a profiler's events, and a real profile."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from bench.errors import FileError
from bench.operators.profile import operator_times, profile_onnx
from tests.support.onnx_files import save_graph, save_quantised


def event(name: str, index: int, microseconds: float, kind: str = "Conv") -> dict[str, Any]:
    return {
        "cat": "Node",
        "name": f"{name}_kernel_time",
        "dur": microseconds,
        "args": {
            "op_name": kind,
            "node_index": str(index),
            "input_type_shape": [{"double": []}, {"uint8": [1, 8, 4]}],
            "output_type_shape": [{"float": [1, 8, 4]}, {"int64": []}],
        },
    }


def test_times_are_medians_of_the_last_runs() -> None:
    events = [
        {"cat": "Session", "name": "model_run", "dur": 999},
        *(event("a", 0, microseconds) for microseconds in (9000, 100, 300, 200)),
        *(event("b", 1, microseconds, "Relu") for microseconds in (9000, 600, 600, 600)),
        {"cat": "Node", "name": "a_fence_before", "dur": 5},
    ]
    first, second = operator_times(events, 3)
    assert (first.name, first.kind, first.ms, first.share) == ("a", "Conv", 0.2, 0.25)
    assert (second.kind, second.ms) == ("Relu", 0.6)
    assert second.share == pytest.approx(0.75)
    assert first.shapes == "1x8x4, 1"
    assert first.precision == "uint8 to float32"
    assert first.delegated is None


def test_operators_of_the_same_name_are_listed_separately() -> None:
    times = operator_times([event("Reorder", 4, 10), event("Reorder", 9, 30)], 1)
    assert [operator.ms for operator in times] == [0.01, 0.03]


def test_a_model_is_profiled(tmp_path: Path) -> None:
    kind = TensorProto.FLOAT
    path = save_graph(
        tmp_path / "m.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
            helper.make_node("Softmax", ["p"], ["y"], name="normal"),
        ],
        [("x", kind, [64, 64])],
        [("y", kind, [64, 64])],
        {"w": np.ones((64, 64), dtype=np.float32)},
    )
    values = {"x": np.ones((64, 64), dtype=np.float32)}
    times = profile_onnx(str(path), values, runs=3)
    assert [(operator.name, operator.kind) for operator in times] == [
        ("product", "MatMul"),
        ("normal", "Softmax"),
    ]
    assert sum(operator.share for operator in times) == pytest.approx(1)
    assert {operator.shapes for operator in times} == {"64x64"}
    with pytest.raises(FileError, match="cannot run the model"):
        profile_onnx(str(path), {"x": values["x"][:3]}, runs=1)


def test_a_quantised_file_has_integer_and_float_operators(tmp_path: Path) -> None:
    path = save_quantised(tmp_path / "q.onnx")
    times = profile_onnx(str(path), {"x": np.ones((8, 16), dtype=np.float32)}, runs=1)
    assert [(operator.kind, operator.precision) for operator in times] == [
        ("QuantizeLinear", "float32 to uint8"),
        ("QLinearAdd", "uint8"),
        ("DequantizeLinear", "uint8 to float32"),
        ("HardSigmoid", "float32"),
        ("QuantizeLinear", "float32 to uint8"),
        ("DequantizeLinear", "uint8 to float32"),
    ]
