"""`--space onehot`: fit, judge and predict where columns are categories and nothing more."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.files import parse_json
from ofabench.workflows.latency.networks import numbered_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latency_models.networks.categories.predictor import CategoryPredictor


def fit_onehot(args: argparse.Namespace) -> int:
    """Fit on the networks of `args`, say which columns were used, and write the predictor."""
    from latency_models.networks.categories.fit import fit_categories
    from latency_models.networks.categories.predictor import (
        CategoryPredictor,
        category_columns,
        codes_of,
    )
    from latency_models.tables.networks import NetworksTable, foreign_target
    from ofabench.workflows.latency.network_warnings import other_columns, warn_of_networks

    if args.table is not None:
        raise InputError("a latency table holds blocks, --space onehot knows none: leave it out")
    networks = NetworksTable.load(args.networks)
    column = networks.column_or_only(args.column)
    measured = networks.latencies_ms(column)
    columns = category_columns(networks.frame)
    codes = codes_of(networks.frame, columns)
    priors = {str(path): CategoryPredictor.load(path) for path in args.prior}
    source = {"column": column, "rows": len(measured), **networks.provenance}
    found = fit_categories(
        columns,
        codes,
        measured,
        networks.target_of(column) or foreign_target(column),
        priors=priors,
        provenance={"space": args.space, "networks": source},
    )
    predictor = found.predictor
    predictor.save(args.out)
    told = ", ".join(_told(one) for one in predictor.costs_ms.items())
    never = sum(len(costs) - len(predictor.seen[one]) for one, costs in predictor.costs_ms.items())
    print(f"categories    {told}")
    if never:
        print(f"              {never} of them were never measured: networks with one extrapolate")
    print(f"base          {found.candidate}; mean error when left out: {found.error:.1%}")
    print(f"{args.out}: predictor of {predictor.target.key}")
    baselines = {name: one.predict(codes) for name, one in priors.items() if one.columns == columns}
    baselines |= other_columns(networks, column)
    warn_of_networks(column, codes, measured, baselines)
    return 0


def _told(column: tuple[str, Any]) -> str:
    name, costs = column
    return f"{name} ({len(costs)})"


def judge_onehot(args: argparse.Namespace) -> tuple[dict[str, Any], Any, Any]:
    """Figures as `evaluation.judge` tells them, the predicted and the measured latencies.

    MACs of categories are not known: what is judged by them is None.
    """
    from latency_models.evaluation.evaluate import best_constant, evaluate, repeatability
    from latency_models.networks.categories.predictor import CategoryPredictor, codes_of
    from latency_models.tables.networks import NetworksTable
    from ofabench.workflows.latency.network_warnings import warn_of_networks

    predictor = CategoryPredictor.load(args.predictor)
    networks = NetworksTable.load(args.networks)
    column = networks.column_or_only(args.column)
    measured = networks.latencies_ms(column)
    codes = codes_of(networks.frame, predictor.columns)
    predicted, spread = predictor.predict(codes), networks.spread(column)
    warn_of_networks(column, codes, measured, {"the predictor": predicted})
    ceiling = None if spread is None else repeatability(spread)
    told = {
        "column": column,
        "target": predictor.target.key,
        **evaluate(predicted, measured).to_json(),
        "drift": None,
        "drift_corrected": None,
        "plain_sum": None,
        "best_constant": {**best_constant(measured).to_json(), "fitted_on": "judged networks"},
        "macs_alone": None,
        "repeatability": ceiling and ceiling.to_json(),
        "extrapolated": float(predictor.extrapolated(codes).mean()),
    }
    return told, predicted, measured


def predict_onehot(predictor: Path, archs: Path) -> Iterator[dict[str, Any]]:
    """For each line of an archs file, its categories with `latency_ms`; all are read first."""
    import numpy as np

    from latency_models.networks.categories.predictor import CategoryPredictor

    model = CategoryPredictor.load(predictor)
    rows = list(_rows(archs, model))
    if not rows:
        raise InputError(f"{archs} holds no network")
    codes: NDArray[np.int64] = np.array(rows, dtype=np.int64)
    for row, ms, unsure in zip(
        rows, model.predict(codes).tolist(), model.extrapolated(codes).tolist(), strict=True
    ):
        yield {
            "space": "onehot",
            **dict(zip(model.columns, row, strict=True)),
            "latency_ms": ms,
            "target": model.target.key,
            "extrapolated": [
                f"{column}={value}"
                for column, value in zip(model.columns, row, strict=True)
                if unsure and value not in model.seen[column]
            ],
        }


def _rows(archs: Path, model: "CategoryPredictor") -> Iterator[list[int]]:
    for number, line in numbered_lines(archs):
        try:
            told = parse_json(line)
        except ValueError as error:
            raise InputError(f"{archs}, line {number}: not JSON ({error})") from error
        values = []
        for column in model.columns:
            value = told.get(column) if isinstance(told, dict) else None
            if isinstance(value, float) and value.is_integer():  # as pandas writes its float64
                value = int(value)
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 62:
                raise InputError(
                    f"{archs}, line {number}: {column} is {value!r}, expected a whole number"
                )
            values.append(value)
        yield values
