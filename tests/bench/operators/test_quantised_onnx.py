"""Operators of the ONNX files that onnxruntime's own quantiser writes, in each of its formats."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from bench.backends.onnx_backend import OnnxBackend
from bench.models.model_file import ModelFile
from bench.operators.precision import NARROW
from bench.operators.registry import tools_of
from bench.protocol.target import Target
from tests.support.onnx_files import save_graph

TARGET = Target(device="here", backend="onnx", backend_version="1")
SHAPE = (1, 3, 8, 8)


class Images(CalibrationDataReader):  # type: ignore[misc]
    """Two random images."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._images = [rng.standard_normal(SHAPE, dtype=np.float32) for _ in range(2)]

    def get_next(self) -> dict[str, Any] | None:
        return {"x": self._images.pop()} if self._images else None


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A convolution, a pooling and a matrix product."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "matrix"], ["y"]),
    ]
    weights = {
        "kernel": rng.standard_normal((4, 3, 3, 3), dtype=np.float32),
        "matrix": rng.standard_normal((64, 10), dtype=np.float32),
    }
    kind = TensorProto.FLOAT
    ends = [("x", kind, list(SHAPE))], [("y", kind, [1, 10])]
    return save_graph(tmp_path / "net.onnx", nodes, *ends, weights)


def quantised(path: Path, form: str) -> Path:
    out = path.with_name(f"{form}.onnx")
    if form == "dynamic":
        quantize_dynamic(path, out, weight_type=QuantType.QUInt8)
    else:
        formats = {"QDQ": QuantFormat.QDQ, "QOperator": QuantFormat.QOperator}
        quantize_static(
            str(path), str(out), Images(), quant_format=formats[form], weight_type=QuantType.QInt8
        )
    return out


@pytest.mark.parametrize("form", ["QDQ", "QOperator", "dynamic"])
def test_each_operator_runs_by_itself_and_is_of_a_quantised_kind(network: Path, form: str) -> None:
    path = quantised(network, form)
    tools = tools_of("onnx")

    result = tools.cut(ModelFile(path=path, name=path.name), 1)

    assert result.uncut == {}
    for _, file in result.operators:
        OnnxBackend().load_model_file(file, TARGET)
    products = [operator for operator, _ in result.operators if operator.macs]
    assert sorted(operator.macs for operator in products) == [64 * 10, 4 * 8 * 8 * 3 * 9]
    assert all(NARROW & set(operator.kind.split()) for operator in products)


@pytest.mark.parametrize("form", ["QDQ", "QOperator", "dynamic"])
def test_a_profile_says_what_is_quantised(network: Path, form: str) -> None:
    path = quantised(network, form)

    profile = tools_of("onnx").profile(ModelFile(path=path, name=path.name), 1, 2)

    assert sum(each.share for each in profile.operators) == pytest.approx(1.0)
    assert any(NARROW & set(each.precision.split()) for each in profile.operators)
