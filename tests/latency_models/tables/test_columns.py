"""Columns of others' tables as numbers, and the row and column that an error names."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bench.errors import InputError
from latency_models.tables.columns import finite_numbers, numbers_of, whole_numbers

BIG = 2**60 + 1  # which a float cannot hold


def typed(values: Any, dtype: Any) -> Any:
    return pd.array(values, dtype=dtype)


@pytest.mark.parametrize(
    "values",
    [
        [3, 5, 7],
        np.array([3, 5, 7], dtype=np.uint8),
        np.array([3, 5, 7], dtype=np.uint64),
        [3.0, 5.0, 7.0],
        np.array([3, 5, 7], dtype=np.float32),
        typed([3, 5, 7], dtype="Int64"),
        typed([3, 5, 7], dtype="UInt8"),
        typed([3.0, 5.0, 7.0], dtype="Float64"),
        typed([3, 5, 7], dtype=pd.ArrowDtype(pa.int32())),
        ["3", "5.0", " 7 "],
        typed(["3", "5", "7"], dtype="string"),
        typed([3, 5, 7], dtype=object),
        [Decimal(3), Decimal("5.0"), Decimal(7)],
        pd.Categorical([3, 5, 7]),
        pd.Categorical(["3", "5", "7"]),
    ],
)
def test_whole_numbers_of_any_type(values: Any) -> None:
    numbers = whole_numbers(pd.DataFrame({"ks0": values}), "ks0")

    assert numbers.dtype == np.int64
    assert numbers.tolist() == [3, 5, 7]


def test_integers_stay_exact() -> None:
    assert whole_numbers(pd.DataFrame({"a": [BIG]}), "a").tolist() == [BIG]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([3.0, 5.5, 7.5], "column 'ks0' is 5.5 in row 1, expected a whole number"),
        ([3.0, 5.0, np.nan], "nan in row 2"),
        ([3.0, np.inf, 5.0], "inf in row 1"),
        (typed([3, None, 7], dtype="Int64"), "nan in row 1"),
        (typed([None, 5, 7], dtype=pd.ArrowDtype(pa.int32())), "nan in row 0"),
        (["3", "five", "7"], "five in row 1"),
        (["3", "5", "1_0"], "1_0 in row 2"),
        (["3", None, "7"], "nan in row 1"),
        ([True, False, True], "True in row 0"),
        (typed([3, True, 7], dtype=object), "True in row 1"),
        (pd.Categorical([3, None, 7]), "nan in row 1"),
        ([[3], [5], [7]], r"\[3\] in row 0"),
        ([1.0, 2.0**60, 3.0], "in row 1"),
    ],
)
def test_invalid_values_are_reported_by_row_and_column(values: Any, message: str) -> None:
    # Rows are counted from 0, whatever pandas calls them.
    frame = pd.DataFrame({"ks0": values}, index=[7, 7, 9])

    with pytest.raises(InputError, match=message):
        whole_numbers(frame, "ks0")


def test_finite_numbers_or_the_row_that_holds_none() -> None:
    frame = pd.DataFrame({"accuracy": ["0.5", "1"], "other": typed([0.5, None], dtype="Float64")})

    assert finite_numbers(frame, "accuracy").tolist() == [0.5, 1.0]
    with pytest.raises(InputError, match="column 'other' is nan in row 1, expected a number"):
        finite_numbers(frame, "other")


def test_missing_numbers_are_nan() -> None:
    column = pd.Series(["1.5", "2e-3", "", "x", None])

    assert numbers_of(column).tolist() == pytest.approx([1.5, 0.002, *[np.nan] * 3], nan_ok=True)
