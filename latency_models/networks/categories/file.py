"""A `CategoryPredictor` as one pandas table: a row for each category of each column.

Columns: `column` (a column of networks tables), `category`, `cost_ms`, and `seen`, whether the
category was measured.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import FileError, InputError
from latency_models.networks.categories.costs import CategoryCosts
from latency_models.tables.statistic import statistic_of
from latency_models.tables.storage import (
    load_frame,
    require_columns,
    save_frame,
    target_and_provenance,
)

WHAT = "predictor of categories"
COLUMNS = {"column": "text", "category": "int", "cost_ms": "float", "seen": "bool"}


def save_categories(predictor: CategoryCosts, path: Path) -> None:
    """Write a predictor as parquet, whole or not at all."""
    metadata = {"target": predictor.target.to_json(), "provenance": dict(predictor.provenance)}
    save_frame(path, frame_of(predictor), what=WHAT, metadata=metadata)


def frame_of(predictor: CategoryCosts) -> pd.DataFrame:
    """Return a row for each category of each column."""
    rows = [
        (column, category, cost_ms, category in predictor.seen[column])
        for column, costs in predictor.costs_ms.items()
        for category, cost_ms in costs.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def load_categories(path: Path) -> dict[str, Any]:
    """Return the fields of a `CategoryPredictor`; `FileError` for any other file."""
    frame, metadata = load_frame(path, what=WHAT)
    require_columns(path, frame, COLUMNS)
    try:
        target, provenance = target_and_provenance(metadata)
        statistic_of(provenance)  # which raises where it is damaged
    except (ValueError, InputError) as error:
        raise FileError(f"{path} is damaged ({error}); fit it again") from error
    if not len(frame) or not np.isfinite(frame["cost_ms"]).all():
        raise FileError(f"{path} is damaged (a cost is missing); fit it again")
    by_column = list(frame.groupby("column", sort=False))
    return {
        "target": target,
        "provenance": provenance,
        "costs_ms": {
            str(column): dict(zip(rows["category"].tolist(), rows["cost_ms"].tolist(), strict=True))
            for column, rows in by_column
        },
        "seen": {
            str(column): frozenset(rows.loc[rows["seen"], "category"].tolist())
            for column, rows in by_column
        },
    }
