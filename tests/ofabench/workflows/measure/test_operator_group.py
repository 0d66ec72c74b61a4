"""Operators that stay in float or outside XNNPACK, and the lines that a profile has of them."""

import pytest

from bench.operators.profile import OperatorTime
from ofabench.workflows.measure.operator_group import OperatorGroup
from ofabench.workflows.measure.profile import ModelProfile

Row = tuple[str, float, str, bool | None]
INTEGER: Row = ("QLinearConv", 0.5, "uint8", None)
GATE: Row = ("HardSigmoid", 0.125, "float32", None)


def profile_of(*rows: Row) -> ModelProfile:
    operators = tuple(
        OperatorTime(
            name="n", kind=kind, ms=share, share=share, shapes="4", precision=precision, delegated=d
        )
        for kind, share, precision, d in rows
    )
    return ModelProfile(file="m", operators=operators, runtime="r", uncut={}, note="n")


def group_lines(*rows: Row) -> list[str]:
    """Return the lines between a profile's first one and its table."""
    lines = str(profile_of(*rows)).splitlines()
    return lines[1 : lines.index("")]


def test_operators_in_float_are_summed_with_the_largest_kind_first() -> None:
    conversion: Row = ("QuantizeLinear", 0.1875, "float32 to uint8", None)
    rows = [INTEGER, GATE, conversion, GATE, ("Cast", 0.0625, "int32 to int64", None)]
    assert group_lines(*rows) == [
        "3 of 5 operators (43.8% of the time) compute in float32: HardSigmoid, QuantizeLinear"
    ]
    profiled = profile_of(*rows).to_dict()
    assert profiled["in_float"] == {
        "count": 3,
        "of": 5,
        "share": 0.4375,
        "kinds": ["HardSigmoid", "QuantizeLinear"],
        "types": ["float32"],
    }
    assert profiled["outside_delegate"] is None


def test_every_float_type_is_named() -> None:
    (line,) = group_lines(INTEGER, GATE, ("Cast", 0.375, "float32 to float16", None))
    assert line == (
        "2 of 3 operators (50.0% of the time) compute in float16 and float32: Cast, HardSigmoid"
    )


def test_integer_operators_have_a_line_and_float_ones_none() -> None:
    assert group_lines(INTEGER, INTEGER) == ["all 2 operators compute on integers"]
    assert group_lines(GATE, ("Cast", 0.5, "uint8 to float32", None)) == []
    assert group_lines() == []


def test_operators_outside_the_delegate_are_summed() -> None:
    inside: Row = ("CONV_2D int8", 0.25, "int8", True)
    outside: Row = ("HARD_SWISH int8", 0.375, "int8", False)
    assert group_lines(inside, outside, outside) == [
        "all 3 operators compute on integers",
        "2 of 3 operators (75.0% of the time) run outside XNNPACK: HARD_SWISH int8",
    ]
    assert group_lines(("TANH", 0.5, "float32", True)) == ["all 1 operators run in XNNPACK"]


def test_the_table_has_a_column_of_delegation_where_there_is_a_delegate() -> None:
    lines = str(profile_of(("TANH", 0.5, "float32", True), ("ELU", 0.5, "float32", False)))
    assert [line.split()[-2:] for line in lines.splitlines()[-4:-1]] == [
        ["precision", "delegated"],
        ["float32", "yes"],
        ["float32", "no"],
    ]
    assert "delegated" not in str(profile_of(INTEGER))


def test_a_group_is_none_where_it_does_not_apply() -> None:
    assert OperatorGroup.in_float(profile_of(GATE).operators) is None
    assert OperatorGroup.outside_delegate(profile_of(GATE).operators) is None
    profiled = profile_of(INTEGER, GATE)
    assert profiled.in_float is not None
    assert profiled.in_float.share == pytest.approx(0.125)
