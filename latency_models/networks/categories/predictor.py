"""`CategoryPredictor`: latency as a sum over columns of what their categories cost.

For spaces of which nothing is known but that an architecture is a row of whole numbers (`--space
onehot`): an operator by position, say. No block, no MACs: a category is a name and nothing more.
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
from latency_models.tables.statistic import kept_statistic

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_NOT_CATEGORIES = ("_ms", "_spread")
_TAILS = ("_p90", "_p99")  # no categories where the latencies that they are of stand beside them


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryPredictor(CategoryCosts):
    """Latency in ms as a sum of what each category of each column adds."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of which a row of categories is made."""
        return tuple(self.costs_ms)

    @property
    def statistic(self) -> str:
        """What of a network's samples is predicted: the median, or `p90`."""
        return kept_statistic(self.provenance)

    @property
    def frame(self) -> pd.DataFrame:
        """Columns, categories, what each costs in ms, and whether it was measured."""
        return frame_of(self)

    def predict(self, codes: Codes) -> Floats:
        """Latencies in ms (n,) of categories (n, columns).

        A category that the predictor does not know costs what those of its column do on average.
        """
        total = np.zeros(len(codes))
        for place, costs in enumerate(self.costs_ms.values()):
            known = np.array(sorted(costs), dtype=np.int64)
            ms = np.array([costs[int(category)] for category in known])
            nearest = np.minimum(np.searchsorted(known, codes[:, place]), len(known) - 1)
            total += np.where(known[nearest] == codes[:, place], ms[nearest], ms.mean())
        return total

    def extrapolated(self, codes: Codes) -> NDArray[np.bool_]:
        """Whether a network (n,) has a category that was never measured."""
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
    """Columns of whole numbers that are categories; `InputError` where there are none.

    No category is a latency, or a column that numbers the rows: one that is called an id, or that
    has another value in every row and no sibling (`op0`, `op1`, ...) of the same name. A sibling of
    categories that holds anything but whole numbers is an error, which names its row.
    """
    names = [str(name) for name in frame.columns if not str(name).endswith(_NOT_CATEGORIES)]
    others = [name for name in names if not _is_tail(name, frame)]
    whole = [name for name in others if _holds_whole_numbers(frame[name])]
    stems = [stem_of(name) for name in whole]
    for name in others:
        # `op5` beside `op0`, `op1`, ...: one wrong cell must not drop the column.
        if name not in whole and name != stem_of(name) and stem_of(name) in stems:
            whole_numbers(frame, name)
    found = tuple(
        name
        for name, stem in zip(whole, stems, strict=True)
        if not _is_id(name)
        and (stems.count(stem) > 1 or len(frame) == 1 or frame[name].nunique() < len(frame))
    )
    if not found:
        raise InputError(
            f"no column holds categories: expected whole numbers, got {', '.join(whole) or 'none'}"
        )
    return found


def stem_of(column: str) -> str:
    """Name without its number: `op` of `op12`."""
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
    """Categories of a table, (n, columns); `InputError` names row and column of any other cell."""
    for name in columns:
        if name not in frame.columns:
            raise InputError(f"the networks table lacks the column {name!r}")
    if not len(frame):
        raise InputError("the networks table has no rows")
    return np.column_stack([whole_numbers(frame, name) for name in columns])
