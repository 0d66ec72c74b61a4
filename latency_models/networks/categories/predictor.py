"""`CategoryPredictor`: latency as a sum over columns of what their categories cost.

For spaces in which an architecture is a row of whole numbers of unknown meaning (`--space onehot`),
for example an operator by position. There are no blocks and no MACs, only names of categories.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError
from latency_models.networks.categories.costs import CategoryCosts
from latency_models.networks.categories.file import frame_of, load_categories, save_categories
from latency_models.tables.columns import is_whole, numbers_of, whole_numbers
from latency_models.tables.statistic import statistic_of

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_NOT_CATEGORIES = ("_ms", "_spread", "_mj", "_peak_memory_bytes")
_TAILS = ("_p90", "_p99")  # no categories beside a column of latencies of the same name


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryPredictor(CategoryCosts):
    """Latency in ms as a sum of what each category of each column adds."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a row of categories."""
        return tuple(self.costs_ms)

    @property
    def statistic(self) -> str:
        """Predicted statistic of a network's samples: the median, or `p90`."""
        return statistic_of(self.provenance)

    @property
    def frame(self) -> pd.DataFrame:
        """Columns, categories, the cost of each in ms, and whether it was measured."""
        return frame_of(self)

    def predict(self, codes: Codes) -> Floats:
        """Return latencies in ms (n,) of categories (n, columns).

        An unknown category has the mean cost of its column.
        """
        total = np.zeros(len(codes))
        for place, costs in enumerate(self.costs_ms.values()):
            known = np.array(sorted(costs), dtype=np.int64)
            ms = np.array([costs[int(category)] for category in known])
            nearest = np.minimum(np.searchsorted(known, codes[:, place]), len(known) - 1)
            total += np.where(known[nearest] == codes[:, place], ms[nearest], ms.mean())
        return total

    def extrapolated(self, codes: Codes) -> NDArray[np.bool_]:
        """Return whether each network (n,) has a category that was never measured."""
        never = [
            ~np.isin(codes[:, place], sorted(self.seen[column]))
            for place, column in enumerate(self.columns)
        ]
        result: NDArray[np.bool_] = np.any(never, axis=0)
        return result

    def save(self, path: str | Path) -> None:
        """Write everything as one parquet table."""
        save_categories(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a predictor; `FileError` where the file is damaged or something else."""
        return cls(**load_categories(Path(path)))


def category_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns of whole numbers that are categories; `InputError` if there are none.

    Latencies are not, nor columns that number the rows: those called an id, or with a different
    value in every row and no sibling (`op0`, `op1`, ...) of the same name. A sibling of categories
    with anything but whole numbers is an error, which names its row.
    """
    names = [str(name) for name in frame.columns if not str(name).endswith(_NOT_CATEGORIES)]
    others = [name for name in names if not _is_tail(name, frame)]
    whole = [name for name in others if _holds_whole_numbers(frame[name])]
    stems = [stem_of(name) for name in whole]
    for name in others:
        # `op5` beside `op0`, `op1`, ...: a wrong cell must not drop the column.
        if name not in whole and name != stem_of(name) and stem_of(name) in stems:
            whole_numbers(frame, name)
    categories = tuple(
        name
        for name, stem in zip(whole, stems, strict=True)
        if not _is_id(name)
        and (stems.count(stem) > 1 or len(frame) == 1 or frame[name].nunique() < len(frame))
    )
    if not categories:
        raise InputError(
            f"no column holds categories: expected whole numbers, got {', '.join(whole) or 'none'}"
        )
    return categories


def stem_of(column: str) -> str:
    """Return the name without its number: `op` of `op12`."""
    return column.rstrip("0123456789")


def _holds_whole_numbers(column: "pd.Series[Any]") -> bool:
    if pd.api.types.is_integer_dtype(column):
        return True
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return bool(numeric and len(column) and is_whole(numbers_of(column)).all())


def _is_tail(column: str, frame: pd.DataFrame) -> bool:
    return column.endswith(_TAILS) and f"{column[:-4]}_ms" in frame.columns


def _is_id(column: str) -> bool:
    if column.startswith("Unnamed: "):  # an index that went through a CSV
        return True
    words = column.lower().replace("-", "_").split("_")
    return words[-1] in {"id", "index", "number", "seed"}


def codes_of(frame: pd.DataFrame, columns: tuple[str, ...]) -> Codes:
    """Return categories (n, columns) of a table; `InputError` names row and column of others."""
    for name in columns:
        if name not in frame.columns:
            raise InputError(f"the networks table lacks the column {name!r}")
    if not len(frame):
        raise InputError("the networks table has no rows")
    return np.column_stack([whole_numbers(frame, name) for name in columns])
