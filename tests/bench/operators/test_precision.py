"""Precision of operators by the types of their tensors."""

import pytest

from bench.operators.precision import (
    float_types,
    is_quantised,
    precision_of,
    quantised_kind,
)

Tensors = list[tuple[str, int]]
SCALE: Tensors = [("float32", 0), ("uint8", 0)]


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "expected"),
    [
        ("Conv", [("float32", 4), ("float32", 4)], [("float32", 4)], "float32"),
        (
            "QLinearConv",  # a scale by channel, and weights whose shape the profiler cuts short
            [("uint8", 4), *SCALE, ("float32", 1), ("int8", 1), *SCALE, ("int32", 1)],
            [("uint8", 4)],
            "uint8",
        ),
        ("QLinearConcat", [*SCALE, ("uint8", 4), *SCALE, ("uint8", 4)], [("uint8", 4)], "uint8"),
        ("QuantizeLinear", [("float32", 4), *SCALE], [("uint8", 4)], "float32 to uint8"),
        ("DequantizeLinear", [("int8", 1), ("float32", 1)], [("float32", 1)], "int8 to float32"),
        ("MatMulInteger", [("uint8", 2), ("int8", 2)], [("int32", 2)], "uint8 to int32"),
        (
            "DynamicQuantizeMatMul",
            [("float32", 2), ("int8", 2), ("float32", 0)],
            [("float32", 2)],
            "int8 weights",
        ),
        ("DynamicQuantizeMatMul", [("float32", 2)], [("float32", 2)], ""),
        ("Gather", [("float32", 2), ("int64", 2)], [("float32", 3)], "float32"),
        ("FULLY_CONNECTED int8 weights", [("float32", 2)], [("float32", 2)], "int8 weights"),
        ("CONV_2D int8", [("int8", 4)], [("int8", 4)], "int8"),
        ("MaxPool", [("float32", 4)], [("float32", 4), ("int64", 4)], "float32"),
        ("RANGE", [], [("int32", 1)], "int32"),
        ("Loop", [("int64", 0)], [], "int64"),
        ("?", [], [], ""),
    ],
)
def test_the_precision_is_that_of_the_values(
    kind: str, inputs: Tensors, outputs: Tensors, expected: str
) -> None:
    assert precision_of(kind, inputs, outputs) == expected


def test_float_types_are_those_read_or_written() -> None:
    assert float_types("float32") == ["float32"]
    assert float_types("float32 to uint8") == ["float32"]
    assert float_types("float16 to float32") == ["float16", "float32"]
    assert float_types("int8 weights") == float_types("uint8") == float_types("") == []


def test_operators_on_narrow_integers_are_quantised_except_casts() -> None:
    assert is_quantised("QLinearAdd", "uint8")
    assert is_quantised("DequantizeLinear", "int8 to float32")
    assert is_quantised("FULLY_CONNECTED int8 weights", "int8 weights")
    assert not is_quantised("Cast", "uint8 to float32")
    assert not is_quantised("CAST", "uint8 to float32")
    assert not is_quantised("Gather", "int64 to float32")
    assert not is_quantised("Conv", "float32")


def test_a_quantised_kind_has_its_narrow_type() -> None:
    image, scale, bytes_ = ("float32", 4), ("float32", 0), ("uint8", 4)
    assert quantised_kind("MaxPool", [bytes_], [bytes_]) == "MaxPool uint8"
    assert quantised_kind("MaxPool", [image], [image]) == "MaxPool"
    assert quantised_kind("QuantizeLinear", [image, scale], [bytes_]) == "QuantizeLinear uint8"
    assert quantised_kind("Cast", [bytes_], [image]) == "Cast"
    product = "com.microsoft.DynamicQuantizeMatMul"
    sides = [("float32", 2), ("int8", 2), ("float32", 0)]
    assert quantised_kind(product, sides, [("float32", 2)]) == f"{product} int8 weights"
