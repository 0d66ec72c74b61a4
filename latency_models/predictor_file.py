"""A predictor as one pandas table: measured blocks, coefficients, tree nodes, composition.

Columns: `part` (known, inferred, linear, tree, composition, choice, composition_choice), `name` (a
block's key, `kind/quantity`, or a number's name), `item` (what of it), `index` (node number, or
0), `value`, and for nodes `threshold`, `left`, `right`. What a part has no use for is NaN, or -1
in whole numbers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.errors import FileError, InputError
from bench.spec import BlockSpec
from latency_models.compose import Composition, CompositionChoice
from latency_models.features import ALL, PHYSICAL
from latency_models.regression import Choice, Regression
from latency_models.storage import (
    load_frame,
    require_columns,
    save_frame,
    target_and_provenance,
)
from latency_models.trees import Trees

if TYPE_CHECKING:
    from latency_models.predictors import LatencyPredictor

WHAT = "latency predictor"
COLUMNS = {
    "part": "text",
    "name": "text",
    "item": "text",
    "index": "int",
    "value": "float",
    "threshold": "float",
    "left": "int",
    "right": "int",
}


def save_predictor(predictor: "LatencyPredictor", path: Path) -> None:
    """Write a predictor as parquet, whole or not at all."""
    frame = pd.concat(list(_parts(predictor)), ignore_index=True)[list(COLUMNS)]
    metadata = {"target": predictor.target.to_json(), "provenance": dict(predictor.provenance)}
    save_frame(path, frame, what=WHAT, metadata=metadata)


def load_predictor(path: Path) -> dict[str, Any]:
    """Read the fields of a `LatencyPredictor`; `FileError` where the file is not one."""
    frame, metadata = load_frame(path, what=WHAT)
    require_columns(path, frame, COLUMNS)
    parts = {str(part): rows for part, rows in frame.groupby("part", sort=False)}
    try:
        target, provenance = target_and_provenance(metadata)
        return {
            "target": target,
            "provenance": provenance,
            "known": _known(parts.get("known", frame[:0])),
            "inferred": _inferred(parts.get("inferred", frame[:0])),
            "models": _models(frame[frame["part"].isin(["linear", "tree"])]),
            "composition": Composition(**_items(parts["composition"])),
            "choices": _choices(parts.get("choice", frame[:0])),
            "composition_choice": _composition_choice(parts.get("composition_choice")),
        }
    except (KeyError, ValueError, TypeError, InputError) as error:
        raise FileError(f"{path} is damaged ({error}); fit it again") from error


def _rows(part: str, name: Any, item: Any, value: Any, **more: Any) -> pd.DataFrame:
    blank = {"index": 0, "threshold": np.nan, "left": -1, "right": -1}
    columns = {"part": part, "name": name, "item": item, "value": value, **blank, **more}
    return pd.DataFrame(columns).astype({"value": float, "threshold": float, "index": np.int64})


def _parts(predictor: "LatencyPredictor") -> Iterator[pd.DataFrame]:
    known = predictor.known
    for place, quantity in enumerate(("warm", "cold")):
        if known:
            ms = [pair[place] for pair in known.values()]
            yield _rows("known", [spec.key for spec in known], quantity, ms)
    if predictor.inferred:
        costs_ms = list(predictor.inferred.values())
        yield _rows("inferred", [spec.key for spec in predictor.inferred], "", costs_ms)
    for (kind, quantity), model in predictor.models.items():
        name = f"{kind}/{quantity}"
        if model.coefficients is not None:
            yield _rows("linear", name, list(PHYSICAL), model.coefficients)
        if model.trees is not None:
            yield _tree_rows(name, model.trees)
    items = predictor.composition.to_items()
    yield _rows("composition", list(items), "", list(items.values()))
    for choice in predictor.choices:
        pairs = [("rows", float(choice.rows)), (f"chosen:{choice.form}", choice.error)]
        pairs += choice.errors
        yield _rows(
            "choice", choice.kind, [item for item, _ in pairs], [value for _, value in pairs]
        )
    chosen = predictor.composition_choice
    if chosen is not None:
        pairs = [("networks", float(chosen.networks)), (f"chosen:{chosen.form}", np.nan)]
        pairs += chosen.errors
        items_, values = zip(*pairs, strict=True)
        yield _rows("composition_choice", "", list(items_), list(values))


def _tree_rows(name: str, trees: Trees) -> pd.DataFrame:
    features = np.asarray(ALL)[trees.feature]
    nodes = _rows(
        "tree",
        name,
        features,
        trees.value,
        index=np.arange(len(features)),
        threshold=trees.threshold,
        left=trees.left,
        right=trees.right,
    )
    roots = _rows("tree", name, "root", np.nan, index=trees.roots)
    whole = _rows("tree", name, ["base", "depth"], [trees.base, float(trees.depth)])
    return pd.concat([whole, roots, nodes], ignore_index=True)


def _known(rows: pd.DataFrame) -> dict[BlockSpec, tuple[float, float]]:
    warm, cold = rows[rows["item"] == "warm"], rows[rows["item"] == "cold"]
    if list(warm["name"]) != list(cold["name"]):
        raise ValueError("its blocks' warm and cold latencies are of unlike blocks")
    specs = [BlockSpec.parse(key) for key in warm["name"]]
    return dict(zip(specs, zip(warm["value"], cold["value"], strict=True), strict=True))


def _inferred(rows: pd.DataFrame) -> dict[BlockSpec, float]:
    specs = [BlockSpec.parse(key) for key in rows["name"]]
    return dict(zip(specs, rows["value"].astype(float), strict=True))


def _models(rows: pd.DataFrame) -> dict[tuple[str, str], Regression]:
    models: dict[tuple[str, str], Regression] = {}
    for name, of_one in rows.groupby("name", sort=False):
        kind, quantity = str(name).split("/")
        linear, tree = of_one[of_one["part"] == "linear"], of_one[of_one["part"] == "tree"]
        costs = linear.set_index("item")["value"]
        models[kind, quantity] = Regression(
            coefficients=costs.loc[list(PHYSICAL)].to_numpy(dtype=float) if len(linear) else None,
            trees=_trees(tree) if len(tree) else None,
        )
    return models


def _trees(rows: pd.DataFrame) -> Trees:
    item = rows["item"]
    whole = rows[item.isin(["base", "depth"])].set_index("item")["value"]
    nodes = rows[~item.isin(["base", "depth", "root"])].sort_values("index")
    places = {name: place for place, name in enumerate(ALL)}
    trees = Trees(
        base=float(whole["base"]),
        depth=int(whole["depth"]),
        roots=rows.loc[item == "root", "index"].to_numpy(dtype=np.int64),
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


def _items(rows: pd.DataFrame) -> dict[str, float]:
    return dict(zip(rows["name"], rows["value"].astype(float), strict=True))


def _chosen(rows: pd.DataFrame) -> tuple[str, float, tuple[tuple[str, float], ...]]:
    """Form, first number (rows or networks), and errors by form."""
    pairs = list(zip(rows["item"], rows["value"], strict=True))
    form = str(pairs[1][0]).removeprefix("chosen:")
    return form, float(pairs[0][1]), tuple((str(name), float(value)) for name, value in pairs[2:])


def _choices(rows: pd.DataFrame) -> tuple[Choice, ...]:
    choices = []
    for name, of_one in rows.groupby("name", sort=False):
        form, count, errors = _chosen(of_one)
        choices.append(Choice(kind=str(name), rows=int(count), form=form, errors=errors))
    return tuple(choices)


def _composition_choice(rows: pd.DataFrame | None) -> CompositionChoice | None:
    if rows is None:
        return None
    form, count, errors = _chosen(rows)
    return CompositionChoice(form=form, networks=int(count), errors=errors)
