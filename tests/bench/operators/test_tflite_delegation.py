"""Which operators of a TFLite file XNNPACK runs, as LiteRT lists them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.models.model_file import ModelFile
from bench.operators.tflite_delegation import all_delegated, undelegated
from bench.operators.tflite_profile import profile_tflite
from tests.support.tflite_files import save_products, save_quantised


def operators_of(*rows: tuple[str, list[int], list[int]]) -> list[dict[str, Any]]:
    return [
        {"index": index, "op_name": name, "inputs": np.array(read), "outputs": np.array(written)}
        for index, (name, read, written) in enumerate(rows)
    ]


def test_operators_between_a_delegates_inputs_and_outputs_are_delegated() -> None:
    """The delegate runs PAD, CONV_2D, and ADD, which reads an earlier output; not the others."""
    operators = operators_of(
        ("PAD", [0, 1], [2]),
        ("CONV_2D", [2, 3, -1], [4]),
        ("HARD_SWISH", [4], [5]),
        ("ADD", [5, 4], [6]),
        ("TOPK_V2", [6, 7], [8, 9]),
        ("DELEGATE", [0, 1, 3], [4]),
        ("DELEGATE", [4, 5], [6]),
    )
    assert undelegated(operators) == ["HARD_SWISH", "TOPK_V2"]
    assert undelegated(operators[:5]) == ["PAD", "CONV_2D", "HARD_SWISH", "ADD", "TOPK_V2"]
    assert undelegated(operators_of(("TANH", [0], [1]), ("DELEGATE", [0], [1]))) == []


def test_xnnpack_runs_float_and_no_hard_swish_of_integers(tmp_path: Path) -> None:
    floats = save_products(tmp_path / "f.tflite", 8)
    integers = save_quantised(tmp_path / "i.tflite", "HARD_SWISH")
    assert all_delegated(floats.read_bytes()) is True
    assert all_delegated(integers.read_bytes()) is False


def test_delegation_is_unknown_where_the_interpreter_does_not_list_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    monkeypatch.delattr(interpreter, "_get_ops_details")
    assert all_delegated(save_products(tmp_path / "f.tflite", 8).read_bytes()) is None


def test_a_profile_says_precision_and_delegation_of_each_operator(tmp_path: Path) -> None:
    path = save_quantised(tmp_path / "i.tflite", "HARD_SWISH")
    operators = profile_tflite(ModelFile(path=path, name=path.name), runs=1).operators
    assert [(operator.kind, operator.precision, operator.delegated) for operator in operators] == [
        ("QUANTIZE", "float32 to int8", True),
        ("HARD_SWISH int8", "int8", False),
        ("DEQUANTIZE int8", "int8 to float32", True),
    ]
