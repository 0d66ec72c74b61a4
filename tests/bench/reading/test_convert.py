"""Plain data read strictly: accepted values, and error lines for all others."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.errors import DeviceError, InputError
from bench.reading import (
    Count,
    NonNegative,
    Positive,
    PositiveInt,
    Rule,
    Text,
    from_plain,
    is_ascending,
    to_plain,
)

AscendingInts = Annotated[
    tuple[PositiveInt, ...],
    Rule(is_ascending, "a list of whole numbers of at least 1, ascending"),
]
Range = TypedDict("Range", {"from": PositiveInt, "to": PositiveInt})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    width: PositiveInt
    act: Literal["relu", "none"] = "none"
    kernel: Annotated[int, Rule(lambda value: value % 2 == 1, "an odd number")] | None = None

    def __post_init__(self) -> None:
        if self.width == 13:
            raise ValueError("a width of 13 is bad luck")


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    name: Text
    stages: tuple[Stage, ...] = ()
    depths: AscendingInts = (1,)
    sizes: tuple[PositiveInt, ...] | Range = ()
    rate: Positive = 1.0
    loss: NonNegative = 0.0
    seed: Count = 0
    se: bool = False
    pair: tuple[int, int] = (0, 0)
    by_name: Mapping[str, float] | None = None
    nested: Mapping[str, Stage] | None = None
    anything: Any = None


def test_values_are_converted_to_their_annotations() -> None:
    data = {
        "name": "a",
        "stages": [{"width": 3, "kernel": 5}, {"width": 4, "act": "relu"}],
        "depths": [2, 4],
        "sizes": {"from": 1, "to": 2},
        "rate": 2,
        "pair": [1, 2],
        "by_name": {"x": 1.5},
        "nested": {"y": {"width": 7}},
        "anything": [1, {"z": None}],
    }
    assert from_plain(Net, data, "a.toml") == Net(
        name="a",
        stages=(Stage(width=3, kernel=5), Stage(width=4, act="relu")),
        depths=(2, 4),
        sizes={"from": 1, "to": 2},
        rate=2.0,
        pair=(1, 2),
        by_name={"x": 1.5},
        nested={"y": Stage(width=7)},
        anything=[1, {"z": None}],
    )


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({}, "name is missing, expected a string"),
        ({"name": 1}, "name is 1, expected a string"),
        ({"name": ""}, "name is '', expected a string"),
        ([], "[], expected a table"),
        ({"name": "a", "se": 1}, "se is 1, expected true or false"),
        ({"name": "a", "seed": True}, "seed is True, expected a whole number of at least 0"),
        ({"name": "a", "seed": -1}, "seed is -1, expected a whole number of at least 0"),
        ({"name": "a", "seed": 1.0}, "seed is 1.0, expected a whole number of at least 0"),
        ({"name": "a", "seed": 2**63}, f"seed is {2**63}, expected a whole number of at least 0"),
        ({"name": "a", "rate": 0}, "rate is 0, expected a number above 0"),
        ({"name": "a", "rate": float("nan")}, "rate is nan, expected a number above 0"),
        ({"name": "a", "loss": float("inf")}, "loss is inf, expected a number of at least 0"),
        ({"name": "a", "loss": "0"}, "loss is '0', expected a number of at least 0"),
        (
            {"name": "a", "depths": [2, 2]},
            "depths is [2, 2], expected a list of whole numbers of at least 1, ascending",
        ),
        (
            {"name": "a", "depths": []},
            "depths is [], expected a list of whole numbers of at least 1, ascending",
        ),
        (
            {"name": "a", "depths": 3},
            "depths is 3, expected a list of whole numbers of at least 1, ascending",
        ),
        ({"name": "a", "depths": [0]}, "depths[0] is 0, expected a whole number of at least 1"),
        ({"name": "a", "pair": [1]}, "pair is [1], expected a list of 2 whole numbers"),
        (
            {"name": "a", "sizes": 3},
            "sizes is 3, expected a list of whole numbers of at least 1 or a table",
        ),
        (
            {"name": "a", "sizes": {"from": 0, "to": 1}},
            "sizes.from is 0, expected a whole number of at least 1",
        ),
        (
            {"name": "a", "sizes": {"from": 1, "ot": 1}},
            "sizes.ot is an unknown key; expected one of from, to",
        ),
        ({"name": "a", "by_name": {"x y": "2"}}, "by_name.x y is '2', expected a number"),
        ({"name": "a", "by_name": [2]}, "by_name is [2], expected a table of numbers"),
        (
            {"name": "a", "nested": {"y": {"width": 1}, "z": {"width": "1"}}},
            "nested.z.width is '1', expected a whole number of at least 1",
        ),
        (
            {"name": "a", "stages": [{"width": 1}, {"width": 1, "act": "gelu"}]},
            "stages[1].act is 'gelu', expected one of relu, none",
        ),
        (
            {"name": "a", "stages": [{"width": 1, "kernel": 4}]},
            "stages[0].kernel is 4, expected an odd number",
        ),
        ({"name": "a", "stages": [{"width": 13}]}, "stages[0]: a width of 13 is bad luck"),
        ({"name": "a", "stages": {}}, "stages is {}, expected a list of tables"),
        ({"name": "a", "stages": [{"widht": 1}]}, "stages[0].widht is an unknown key; did you mean "
         "width?"),
        ({"nam": "a"}, "nam is an unknown key; did you mean name?"),
        ({"name": 1, "zzz": 1}, "zzz is an unknown key; expected one of anything, by_name, depths, "
         "loss, name, nested, pair, rate, se, seed, sizes, stages"),
    ],
)  # fmt: skip
def test_an_error_names_source_field_value_and_what_was_expected(data: Any, line: str) -> None:
    with pytest.raises(InputError) as caught:
        from_plain(Net, data, "a.toml")
    assert str(caught.value) == f"a.toml: {line}"


def test_the_caller_chooses_the_error_class_and_the_advice() -> None:
    with pytest.raises(DeviceError) as caught:
        from_plain(Net, {"name": 1}, "the answer", error=DeviceError, advice="ask again")
    assert str(caught.value) == "the answer: name is 1, expected a string; ask again"


def test_other_keys_may_be_ignored_and_hint_at_a_missing_one() -> None:
    assert from_plain(Net, {"name": "a", "zzz": 1}, "a", other_keys=True) == Net(name="a")
    with pytest.raises(InputError) as caught:
        from_plain(Net, {"naem": "a"}, "a", other_keys=True)
    assert str(caught.value) == (
        "a: name is missing, and there is naem, which may be meant for it, expected a string"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    ns: NDArray[np.float64]
    file: Path


def test_other_types_are_decoded_by_the_callers_function() -> None:
    def decode(kind: Any, value: Any) -> Any:
        if kind is Path:
            return Path(value)
        rows = np.array(value, dtype=np.float64)
        if rows.ndim != 2:
            raise ValueError("rows of numbers")
        return rows

    times = from_plain(Times, {"ns": [[1, 2]], "file": "a"}, "a", decode=decode)

    assert (times.ns.tolist(), times.file) == ([[1.0, 2.0]], Path("a"))
    with pytest.raises(InputError, match=r"^a: ns is \[1\], expected rows of numbers$"):
        from_plain(Times, {"ns": [1], "file": "a"}, "a", decode=decode)


def test_a_dataclass_survives_json() -> None:
    net = Net(name="a", stages=(Stage(width=2),), by_name={"x": 0.5}, anything=np.float32(0.5))
    data = to_plain(net)

    assert data["stages"] == [{"width": 2, "act": "none", "kernel": None}]
    assert data["pair"] == [0, 0]
    assert json.loads(json.dumps(data)) == data
    assert from_plain(Net, data, "a") == Net(
        name="a", stages=(Stage(width=2),), by_name={"x": 0.5}, anything=0.5
    )
    assert to_plain(Times(ns=np.array([[1.0]]), file=Path("b/c"))) == {"ns": [[1.0]], "file": "b/c"}


def test_equal_values_are_not_ascending() -> None:
    assert is_ascending([1, 2])
    assert is_ascending([0.5])
    assert not is_ascending([1, 1])
    assert not is_ascending([2, 1])
    assert not is_ascending([])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"a\nb": 1}, r"'a\nb' is an unknown key; "),
        ({"name": "a", "by_name": {"\n": "x"}}, r"by_name.'\n' is 'x', expected a number"),
        ({"x" * 90: 1}, "'" + "x" * 59 + " is an unknown key"),
    ],
)
def test_an_error_with_unusual_keys_is_one_line(data: Any, line: str) -> None:
    with pytest.raises(InputError) as caught:
        from_plain(Net, data, "a")
    assert str(caught.value).startswith(f"a: {line}")
    assert "\n" not in str(caught.value)


def test_a_value_nested_too_deep_is_not_printed() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputError) as caught:
        from_plain(Net, {"name": deep}, "a")
    assert str(caught.value) == "a: name is a value that is nested too deep, expected a string"
