"""Convert columns of imported tables to numbers, whatever type a join or a CSV gave them.

A join turns whole numbers into float64, `convert_dtypes` into nullable Int64, a CSV with one wrong
cell into text. Conversion depends on the values only; errors name the row (from 0) and the column.
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
_EXACT = 2.0**53  # above it, a float does not represent every whole number


def numbers_of(column: "pd.Series[Any]") -> Floats:
    """Return the values of a column, (n,), with text converted; NaN for missing or other values."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_number(value) for value in column], dtype=np.float64)


def is_whole(values: Floats) -> NDArray[np.bool_]:
    """Return which values (n,) are whole numbers that a float represents exactly."""
    result: NDArray[np.bool_] = (np.abs(values) <= _EXACT) & (values == np.rint(values))
    return result


def whole_numbers(frame: "pd.DataFrame", name: str) -> NDArray[np.int64]:
    """Return the whole numbers of a column, (n,); `InputError` names the first row without one."""
    column = frame[name]
    if isinstance(column.dtype, np.dtype) and np.issubdtype(column.dtype, np.signedinteger):
        return column.to_numpy(dtype=np.int64)
    values = numbers_of(column)
    wrong = np.flatnonzero(~is_whole(values))
    if len(wrong):
        raise InputError(
            f"column {name!r} is {cell_text(frame, name, int(wrong[0]))} in row {wrong[0]}, "
            "expected a whole number"
        )
    return values.astype(np.int64)


def finite_numbers(frame: "pd.DataFrame", name: str) -> Floats:
    """Return the finite numbers of a column, (n,); `InputError` names the first row without one."""
    values = numbers_of(frame[name])
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"column {name!r} is {cell_text(frame, name, int(wrong[0]))} in row {wrong[0]}, "
            "expected a number"
        )
    return values


def cell_text(frame: "pd.DataFrame", name: str, row: int) -> str:
    """Return the text of a cell for an error message."""
    import pandas as pd

    value = frame[name].iloc[row]
    return "nan" if pd.api.types.is_scalar(value) and pd.isna(value) else f"{value!s:.40}"


def _number(value: Any) -> float:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else math.nan
    if isinstance(value, int | float | Decimal | np.integer | np.floating):
        # bool is a subclass of int
        return math.nan if isinstance(value, bool) else float(value)
    return math.nan
