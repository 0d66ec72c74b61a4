"""Shapes and values of a model file's inputs."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import FileError, InputError
from bench.models.tensors import (
    InputSpec,
    InputTensor,
    ShapeChoice,
    check_values,
    fix_shapes,
    parse_shape,
    random_values,
)

IMAGE = InputSpec(name="image", dtype="float32", shape=("batch", 3, "side", "side"))
IDS = InputSpec(name="ids", dtype="int64", shape=("batch", "length"))
FIXED = InputSpec(name="fixed", dtype="float32", shape=(2, 5))


def shapes_of(inputs: list[InputSpec], *shapes: str, batch: int | None = None) -> list[Any]:
    choice = ShapeChoice(shapes=tuple(map(parse_shape, shapes)), batch=batch)
    return [tensor.shape for tensor in fix_shapes(inputs, choice)]


def test_a_shape_is_parsed_with_and_without_a_name() -> None:
    assert parse_shape("a=b=1x20") == ("a=b", (1, 20))
    assert parse_shape("1X3") == ("", (1, 3))


@pytest.mark.parametrize("text", ["", "x=", "x=1x", "x=1x-2", "x=1.5", "x=axb", "x=٣"])
def test_an_invalid_shape_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected NAME=1x3x224x224"):
        parse_shape(text)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_a_formatted_shape_is_parsed_back(sides: list[int]) -> None:
    assert parse_shape("x=" + "x".join(map(str, sides))) == ("x", tuple(sides))


def test_fixed_dimensions_need_no_choice() -> None:
    assert shapes_of([FIXED]) == [(2, 5)]


def test_dimensions_of_the_same_name_have_the_same_size() -> None:
    assert shapes_of([IMAGE, IDS], "ids=4x7", "image=4x3x8x8") == [(4, 3, 8, 8), (4, 7)]
    assert shapes_of([IDS, InputSpec(name="mask", dtype="bool", shape=("batch", "length"))],
                     "ids=2x9") == [(2, 9), (2, 9)]  # fmt: skip


def test_the_batch_is_every_dynamic_first_dimension() -> None:
    only_first = InputSpec(name="x", dtype="float32", shape=(None, 4))
    assert shapes_of([only_first], batch=6) == [(6, 4)]


def test_a_shape_without_a_name_is_for_the_only_input() -> None:
    assert shapes_of([IMAGE], "1x3x32x32") == [(1, 3, 32, 32)]


def test_a_shape_of_an_unknown_input_is_ignored() -> None:
    assert shapes_of([FIXED], "other=1x2") == [(2, 5)]


@pytest.mark.parametrize(
    ("inputs", "shapes", "batch", "message"),
    [
        ([IMAGE], (), None, r"image=NxNxNxN|image=Nx3xNxN"),
        ([IMAGE], (), 1, "give --shape image=1x3xNxN"),
        ([IMAGE], ("image=1x4x8x8",), None, r"given as \[1, 4, 8, 8\], which does not fit it"),
        ([IMAGE], ("image=1x3x8",), None, "does not fit it"),
        ([FIXED], (), 3, "the model is for batch 2, --batch is 3"),
        ([IMAGE, IDS], ("image=1x3x8x9",), None, "side of image"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_in_one_line(
    inputs: list[InputSpec], shapes: tuple[str, ...], batch: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        shapes_of(inputs, *shapes, batch=batch)


def test_a_shape_of_too_many_values_is_refused() -> None:
    with pytest.raises(FileError, match="100000000000 values"):
        shapes_of([InputSpec(name="x", dtype="int8", shape=(None, 100_000))], "x=1000000x100000")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_random_floats_are_standard_normal(dtype: str) -> None:
    value = drawn(dtype)
    assert value.dtype.name == dtype
    assert abs(float(value.astype(np.float64).mean())) < 0.1
    assert abs(float(value.astype(np.float64).std()) - 1) < 0.1


def test_random_bytes_span_their_range_and_wider_integers_are_0_or_1() -> None:
    assert (drawn("int8").min(), drawn("int8").max()) == (-128, 127)
    assert (drawn("uint8").min(), drawn("uint8").max()) == (0, 255)
    assert set(np.unique(drawn("int64"))) == {0, 1}
    assert drawn("bool").all()


def test_values_are_checked_by_name_and_type() -> None:
    ids = np.zeros((1, 3), dtype=np.int64)
    assert check_values([IDS], {"ids": ids, "unused": ids})["ids"].shape == (1, 3)
    with pytest.raises(InputError, match=r"no value for ids .* the values given are: other"):
        check_values([IDS], {"other": ids})
    with pytest.raises(InputError, match="is of type int32"):
        check_values([IDS], {"ids": ids.astype(np.int32)})


def drawn(dtype: str) -> np.ndarray[Any, Any]:
    tensor = InputTensor(name="x", dtype=dtype, shape=(50, 100))
    return random_values([tensor], np.random.default_rng(0))["x"]


@pytest.mark.parametrize(
    ("shape", "is_fixed"),
    [
        ((1, 4), True),
        ((0,), True),
        ((), True),
        ((-1, 4), False),
        (("n", 4), False),
        ((None,), False),
    ],
)
def test_a_shape_is_fixed_where_every_dimension_is_a_number(
    shape: tuple[int | str | None, ...], is_fixed: bool
) -> None:
    assert InputSpec(name="x", dtype="float32", shape=shape).is_fixed == is_fixed
