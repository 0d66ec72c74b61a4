"""Whole numbers in texts."""

import pytest

from bench.integers import parse_integer


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-12", -12), ("+7", 7), (" 42\n", 42), ("007", 7), ("9" * 19, 10**19 - 1)],
)
def test_decimal_digits_are_a_number(text: str, value: int) -> None:
    assert parse_integer(text) == value


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "1.0",
        "1e3",
        "0x10",
        "1_000",
        "- 1",
        "--1",
        "٣",
        "²",
        "9" * 20,
        "9" * 5000,
        "1\x000",
    ],
)
def test_anything_else_is_none(text: str | None) -> None:
    assert parse_integer(text) is None


def test_a_number_below_the_minimum_is_none() -> None:
    assert [parse_integer(text, minimum=0) for text in ("-1", "0", "1")] == [None, 0, 1]
