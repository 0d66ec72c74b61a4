"""Arithmetic of judging: errors, folds of families, and the simple predictors compared with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]
Predicted = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model with its latency in two sessions and the work that it does.

    Attributes:
        fit_ms: in the session that is fitted on.
        judge_ms: in the session that is judged on, with its level brought to the other's.
        work: of each kind of operator its number, MACs and bytes; empty where unknown.
    """

    name: str
    family: str
    role: str
    fit_ms: float
    judge_ms: float
    macs: float
    work: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Of predictions: shares within 5 and 10 %, mean absolute error, and median signed error."""

    count: int
    within_5: float
    within_10: float
    mean: float
    bias: float


def errors_of(predicted: Mapping[str, float], subjects: Sequence[Subject]) -> Errors | None:
    """Return errors relative to the session judged on; None where nothing is predicted."""
    ratios = [
        predicted[each.name] / each.judge_ms - 1 for each in subjects if each.name in predicted
    ]
    if not ratios:
        return None
    sizes = np.abs(ratios)
    return Errors(
        count=len(ratios),
        within_5=float(np.mean(sizes <= 0.05)),
        within_10=float(np.mean(sizes <= 0.10)),
        mean=float(np.mean(sizes)),
        bias=float(np.median(ratios)),
    )


def folds_of(families: Sequence[str], count: int) -> list[frozenset[str]]:
    """Return the families in at most `count` groups; each family is in one."""
    ordered = sorted(set(families))
    groups = [frozenset(ordered[place::count]) for place in range(count)]
    return [group for group in groups if group]


def left_out(
    subjects: Sequence[Subject],
    folds: Sequence[frozenset[str]],
    predict: Callable[[Sequence[Subject], Sequence[Subject]], Predicted],
) -> Predicted:
    """Predict each model from those of other folds of families."""
    result: Predicted = {}
    for fold in folds:
        train = [each for each in subjects if each.family not in fold]
        test = [each for each in subjects if each.family in fold]
        if train and test:
            result |= predict(train, test)
    return result


def by_constant(train: Sequence[Subject], test: Sequence[Subject]) -> Predicted:
    """Predict the geometric mean for every model."""
    value = float(np.exp(np.mean([np.log(each.fit_ms) for each in train])))
    return {each.name: value for each in test}


def by_macs(train: Sequence[Subject], test: Sequence[Subject]) -> Predicted:
    """Predict by a constant and the MACs."""
    return _regressed(train, test, lambda each: [1.0, each.macs])


def by_work(train: Sequence[Subject], test: Sequence[Subject]) -> Predicted:
    """Predict by number, MACs and bytes of each kind of operator that the training has."""
    kinds = sorted({kind for each in train for kind in each.work})
    if not kinds:
        return {}

    def features(each: Subject) -> list[float]:
        return [value for kind in kinds for value in each.work.get(kind, (0.0, 0.0, 0.0))]

    return _regressed(train, test, features)


def _regressed(
    train: Sequence[Subject],
    test: Sequence[Subject],
    features: Callable[[Subject], list[float]],
) -> Predicted:
    """Fit non-negative coefficients by relative least squares, and predict."""
    ms = np.array([each.fit_ms for each in train])
    rows = np.array([features(each) for each in train]) / ms[:, None]
    scale = np.where(rows.any(axis=0), np.abs(rows).max(axis=0), 1.0)
    coefficients, _ = nnls(rows / scale, np.ones(len(ms)), maxiter=100 * rows.shape[1])
    return {each.name: float(np.array(features(each)) / scale @ coefficients) for each in test}


def table(rows: Mapping[str, Mapping[str, Errors | None]]) -> list[str]:
    """Return a Markdown table: a row a predictor, a column a group of models."""
    groups = list(dict.fromkeys(group for errors in rows.values() for group in errors))
    lines = [
        "| predicted by | " + " | ".join(groups) + " |",
        "| --- |" + " --- |" * len(groups),
    ]
    for name, errors in rows.items():
        lines.append(f"| {name} | " + " | ".join(cell(errors.get(each)) for each in groups) + " |")
    return lines


def cell(errors: Errors | None) -> str:
    """Return shares within 5 and 10 %, mean error, and the median signed error."""
    if errors is None:
        return ""
    shares = f"{errors.within_5:.0%} / {errors.within_10:.0%}"
    return f"{shares}, {errors.mean:.1%} ({errors.bias:+.1%})"
