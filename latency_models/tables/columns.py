"""Columns of imported tables as numbers, whatever type a join or a CSV gave them.

A join turns whole numbers into float64, `convert_dtypes` into nullable Int64, a CSV with one wrong
cell into text. What counts is what the cells hold; an error names the row (from 0) and the column.
"""

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*", re.ASCII)
_EXACT = 2.0**53  # above it, a float no longer tells whole numbers apart


def numbers_of(column: "pd.Series[Any]") -> Floats:
    """Values of a column, (n,): texts of numbers too; NaN for all that is missing or no number."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_number(value) for value in column], dtype=np.float64)


def is_whole(values: Floats) -> NDArray[np.bool_]:
    """Which values (n,) are whole numbers that a float holds exactly."""
    result: NDArray[np.bool_] = (np.abs(values) <= _EXACT) & (values == np.rint(values))
    return result


def whole_numbers(frame: "pd.DataFrame", name: str) -> NDArray[np.int64]:
    """Whole numbers of a column, (n,); `InputError` names the first row that holds no such."""
    column = frame[name]
    if isinstance(column.dtype, np.dtype) and np.issubdtype(column.dtype, np.signedinteger):
        return column.to_numpy(dtype=np.int64)
    values = numbers_of(column)
    wrong = np.flatnonzero(~is_whole(values))
    if len(wrong):
        raise InputError(
            f"column {name!r} is {shown(frame, name, int(wrong[0]))} in row {wrong[0]}, "
            "expected a whole number"
        )
    return values.astype(np.int64)


def finite_numbers(frame: "pd.DataFrame", name: str) -> Floats:
    """Finite numbers of a column, (n,); `InputError` names the first row that holds none."""
    values = numbers_of(frame[name])
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"column {name!r} is {shown(frame, name, int(wrong[0]))} in row {wrong[0]}, "
            "expected a number"
        )
    return values


def shown(frame: "pd.DataFrame", name: str, row: int) -> str:
    """What a cell holds, for an error."""
    import pandas as pd

    value = frame[name].iloc[row]
    return "nan" if pd.api.types.is_scalar(value) and pd.isna(value) else f"{value!s:.40}"


def _number(value: Any) -> float:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else math.nan
    if isinstance(value, int | float | Decimal | np.integer | np.floating):
        # bool is an int to Python
        return math.nan if isinstance(value, bool) else float(value)
    return math.nan
