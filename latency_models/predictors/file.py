"""Save and load a predictor as one table: blocks, coefficients, tree nodes, knots, calibration.

Columns: `part` (known, inferred, fitted, seen, those of regression_rows, composition, factor,
per_unit, choice, composition_choice), `name` (a block's key, `kind/quantity`, or the name of a
number), `item` (a part of it), `index` (number of a node or knot, or 0), `value`, and for nodes
`threshold`, `left`, `right`. Unused cells are NaN, or -1 in integer columns.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE
from latency_models.drift.provenance import drift_log_of, drift_mean_of
from latency_models.networks.correction import Correction
from latency_models.networks.network_calibration import CalibrationChoice, NetworkCalibration
from latency_models.predictors.fitted import FittedPredictor
from latency_models.regression.features import PHYSICAL
from latency_models.regression.regression import Choice
from latency_models.regression.regression_rows import PARTS, model_rows, read_models, rows
from latency_models.tables.statistic import statistic_of
from latency_models.tables.storage import (
    load_frame,
    require_columns,
    save_frame,
    target_and_provenance,
)

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


def save_predictor(predictor: FittedPredictor, path: Path, *, what: str = WHAT) -> None:
    """Write a predictor as parquet, atomically; `what` is the kind of the file."""
    frame = pd.concat(list(_parts(predictor)), ignore_index=True)[list(COLUMNS)]
    metadata = {"target": predictor.target.to_json(), "provenance": dict(predictor.provenance)}
    save_frame(path, frame, what=what, metadata=metadata)


def load_predictor(path: Path, *, what: str = WHAT) -> dict[str, Any]:
    """Read the fields of a `LatencyPredictor`; `FileError` where the file is not of this kind."""
    frame, metadata = load_frame(path, what=what)
    require_columns(path, frame, COLUMNS)
    parts = {str(part): rows for part, rows in frame.groupby("part", sort=False)}
    try:
        target, provenance = target_and_provenance(metadata)
        for read in (drift_log_of, drift_mean_of, statistic_of):
            read(provenance)  # raises where it is damaged
        return {
            "target": target,
            "provenance": provenance,
            "known": _known(parts.get("known", frame[:0])),
            "inferred": _inferred(parts.get("inferred", frame[:0])),
            "seen": tuple(BlockSpec.parse(key) for key in parts.get("seen", frame[:0])["name"]),
            "fitted": _items(parts.get("fitted", frame[:0])),
            "models": read_models(frame[frame["part"].isin(PARTS)]),
            "composition": NetworkCalibration(**_items(parts["composition"])),
            "correction": _correction(parts, frame[:0]),
            "choices": _choices(parts.get("choice", frame[:0])),
            "composition_choice": _composition_choice(parts.get("composition_choice")),
        }
    except (*VALUE_DAMAGE, InputError) as error:
        raise FileError(f"{path} is damaged ({error}); fit it again") from error


def _parts(predictor: FittedPredictor) -> Iterator[pd.DataFrame]:
    known = predictor.known
    for place, quantity in enumerate(("warm", "cold")):
        if known:
            ms = [pair[place] for pair in known.values()]
            yield rows("known", [spec.key for spec in known], quantity, ms)
    if predictor.inferred:
        costs_ms = list(predictor.inferred.values())
        yield rows("inferred", [spec.key for spec in predictor.inferred], "", costs_ms)
    if predictor.fitted:
        yield rows("fitted", list(predictor.fitted), "", list(predictor.fitted.values()))
    if predictor.seen:
        yield rows("seen", [spec.key for spec in predictor.seen], "", np.nan)
    for (kind, quantity), model in predictor.models.items():
        yield from model_rows(f"{kind}/{quantity}", model)
    correction = predictor.correction
    if correction.knots:
        yield rows("factor", [spec.key for spec in correction.knots], "", correction.factors)
    if not correction.is_none:
        yield rows("per_unit", list(PHYSICAL), "", correction.per_unit_ms)
    items = predictor.composition.to_items()
    yield rows("composition", list(items), "", list(items.values()))
    for choice in predictor.choices:
        pairs = [("rows", float(choice.rows)), (f"chosen:{choice.form}", choice.error)]
        pairs += choice.errors
        yield rows(
            "choice", choice.kind, [item for item, _ in pairs], [value for _, value in pairs]
        )
    chosen = predictor.composition_choice
    if chosen is not None:
        pairs = [("networks", float(chosen.networks)), (f"chosen:{chosen.form}", np.nan)]
        pairs += chosen.errors
        items_, values = zip(*pairs, strict=True)
        yield rows("composition_choice", "", list(items_), list(values))


def _known(table: pd.DataFrame) -> dict[BlockSpec, tuple[float, float]]:
    warm, cold = table[table["item"] == "warm"], table[table["item"] == "cold"]
    if list(warm["name"]) != list(cold["name"]):
        raise ValueError("its blocks' warm and cold latencies are of different blocks")
    specs = [BlockSpec.parse(key) for key in warm["name"]]
    return dict(zip(specs, zip(warm["value"], cold["value"], strict=True), strict=True))


def _inferred(table: pd.DataFrame) -> dict[BlockSpec, float]:
    specs = [BlockSpec.parse(key) for key in table["name"]]
    return dict(zip(specs, table["value"].astype(float), strict=True))


def _correction(parts: dict[str, pd.DataFrame], empty: pd.DataFrame) -> Correction:
    factors, per_unit = parts.get("factor", empty), parts.get("per_unit", empty)
    if not len(per_unit):
        return Correction()
    values = per_unit.set_index("name")["value"]
    return Correction(
        knots=tuple(BlockSpec.parse(key) for key in factors["name"]),
        factors=factors["value"].to_numpy(dtype=float),
        per_unit_ms=values.loc[list(PHYSICAL)].to_numpy(dtype=float),
    )


def _items(table: pd.DataFrame) -> dict[str, float]:
    return dict(zip(table["name"], table["value"].astype(float), strict=True))


def _chosen(table: pd.DataFrame) -> tuple[str, float, tuple[tuple[str, float], ...]]:
    """Return the form, the first number (rows or networks), and the errors by form."""
    pairs = list(zip(table["item"], table["value"], strict=True))
    form = str(pairs[1][0]).removeprefix("chosen:")
    return form, float(pairs[0][1]), tuple((str(name), float(value)) for name, value in pairs[2:])


def _choices(table: pd.DataFrame) -> tuple[Choice, ...]:
    choices = []
    for name, group in table.groupby("name", sort=False):
        form, count, errors = _chosen(group)
        choices.append(Choice(kind=str(name), rows=int(count), form=form, errors=errors))
    return tuple(choices)


def _composition_choice(table: pd.DataFrame | None) -> CalibrationChoice | None:
    if table is None:
        return None
    form, count, errors = _chosen(table)
    return CalibrationChoice(form=form, networks=int(count), errors=errors)
