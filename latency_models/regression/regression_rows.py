"""Regressions as rows of a predictor's table: coefficients, tree nodes, knots, spreads."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from latency_models.regression.features import ALL, PHYSICAL
from latency_models.regression.regression import Regression
from latency_models.regression.smooth_correction import LENGTHS, SmoothCorrection
from latency_models.regression.trees import Trees

PARTS = ("linear", "tree", "smooth", "spread")


def rows(part: str, name: Any, item: Any, value: Any, **more: Any) -> pd.DataFrame:
    """Return rows of the table; columns that are not given are blank."""
    blank = {"index": 0, "threshold": np.nan, "left": -1, "right": -1}
    columns = {"part": part, "name": name, "item": item, "value": value, **blank, **more}
    if all(np.isscalar(column) for column in columns.values()):
        columns = {key: [column] for key, column in columns.items()}
    return pd.DataFrame(columns).astype({"value": float, "threshold": float, "index": np.int64})


def model_rows(name: str, model: Regression) -> Iterator[pd.DataFrame]:
    """Yield all parts of a regression, under its `kind/quantity`."""
    yield rows("spread", name, "", model.spread)
    if model.coefficients is not None:
        yield rows("linear", name, list(PHYSICAL), model.coefficients)
    if model.trees is not None:
        yield _tree_rows(name, model.trees)
    if model.smooth is not None:
        yield from _smooth_rows(name, model.smooth)


def read_models(table: pd.DataFrame) -> dict[tuple[str, str], Regression]:
    """Return regressions by (kind, quantity); `KeyError` or `ValueError` where rows are damaged."""
    models: dict[tuple[str, str], Regression] = {}
    for name, group in table.groupby("name", sort=False):
        kind, quantity = str(name).split("/")
        parts = {str(part): of_part for part, of_part in group.groupby("part", sort=False)}
        costs = None
        if "linear" in parts:
            by_name = parts["linear"].set_index("item")["value"]
            costs = by_name.loc[list(PHYSICAL)].to_numpy(dtype=float)
        models[kind, quantity] = Regression(
            coefficients=costs,
            trees=_trees(parts["tree"]) if "tree" in parts else None,
            smooth=_smooth(parts["smooth"]) if "smooth" in parts else None,
            spread=float(parts["spread"]["value"].iloc[0]),
        )
    return models


def _tree_rows(name: str, trees: Trees) -> pd.DataFrame:
    features = np.asarray(ALL)[trees.feature]
    nodes = rows(
        "tree",
        name,
        features,
        trees.value,
        index=np.arange(len(features)),
        threshold=trees.threshold,
        left=trees.left,
        right=trees.right,
    )
    roots = rows("tree", name, "root", np.nan, index=trees.roots)
    whole = rows("tree", name, ["base", "depth"], [trees.base, float(trees.depth)])
    return pd.concat([whole, roots, nodes], ignore_index=True)


def _smooth_rows(name: str, smooth: SmoothCorrection) -> Iterator[pd.DataFrame]:
    numbers = np.arange(len(smooth.weights))
    yield rows("smooth", name, ["stretch"], [smooth.stretch])
    yield rows("smooth", name, "weight", smooth.weights, index=numbers)
    for column, item in enumerate(LENGTHS):
        yield rows("smooth", name, item, smooth.places[:, column], index=numbers)


def _smooth(table: pd.DataFrame) -> SmoothCorrection:
    columns = {
        str(item): group.sort_values("index")["value"].to_numpy(dtype=float)
        for item, group in table.groupby("item", sort=False)
    }
    return SmoothCorrection(
        stretch=float(columns["stretch"][0]),
        places=np.column_stack([columns[name] for name in LENGTHS]),
        weights=columns["weight"],
    )


def _trees(table: pd.DataFrame) -> Trees:
    item = table["item"]
    whole = table[item.isin(["base", "depth"])].set_index("item")["value"]
    nodes = table[~item.isin(["base", "depth", "root"])].sort_values("index")
    places = {name: place for place, name in enumerate(ALL)}
    trees = Trees(
        base=float(whole["base"]),
        depth=int(whole["depth"]),
        roots=table.loc[item == "root", "index"].to_numpy(dtype=np.int64),
        feature=np.array([places[name] for name in nodes["item"]], dtype=np.int64),
        threshold=nodes["threshold"].to_numpy(dtype=float),
        left=nodes["left"].to_numpy(dtype=np.int64),
        right=nodes["right"].to_numpy(dtype=np.int64),
        value=nodes["value"].to_numpy(dtype=float),
    )
    for links in (trees.roots, trees.left, trees.right):
        if links.min() < 0 or links.max() >= len(nodes):
            raise ValueError("a node of its trees points outside")
    return trees
