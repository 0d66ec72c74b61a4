"""Latency of one kind of block from its features: forms, their fits, and the choice among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.spec import BlockSpec
from latency_models.features import PHYSICAL, feature_matrix
from latency_models.trees import Trees, grow

FLOOR_MS = 1e-4  # no block is free, however little of what was fitted it has
_FOLDS = 3
_ROWS_FOR_LINEAR = 4
_ROWS_FOR_TREES = 30

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """ms = max(features @ coefficients, FLOOR_MS) * exp(trees); without coefficients just exp."""

    coefficients: Floats | None  # one for each of PHYSICAL, ms a unit, not negative
    trees: Trees | None = None

    def predict(self, matrix: Floats) -> Floats:
        """Latencies in ms (n,) of blocks whose features, `ALL`, are the rows of `matrix`."""
        ms = np.ones(len(matrix))
        if self.coefficients is not None:
            ms = np.maximum(matrix[:, : len(PHYSICAL)] @ self.coefficients, FLOOR_MS)
        if self.trees is not None:
            ms = ms * np.exp(self.trees.predict(matrix))
        return ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What cross-validation found: mean absolute relative error of each form tried, by name."""

    kind: str
    rows: int
    form: str
    errors: tuple[tuple[str, float], ...]  # empty where there were too few rows to judge

    @property
    def error(self) -> float:
        """Error of the chosen form; NaN where there were too few rows to judge."""
        return dict(self.errors).get(self.form, float("nan"))


def fit_pooled(specs: Sequence[BlockSpec], ms: Floats) -> Regression:
    """Fit one cost for all kinds at once: what kinds with few or no rows fall back on."""
    matrix = feature_matrix(specs)
    return Regression(coefficients=fit_costs(matrix[:, : len(PHYSICAL)], ms))


def fit_kind(
    specs: Sequence[BlockSpec], ms: Floats, pooled: Regression, seed: int
) -> tuple[Regression, Choice]:
    """Fit every form that the number of rows allows, and keep the best in cross-validation."""
    matrix = feature_matrix(specs)
    forms = _forms(len(ms), pooled, seed)
    errors: list[tuple[str, float]] = []
    if len(ms) >= _ROWS_FOR_LINEAR:
        folds = _folds(specs, seed)
        errors = [(name, _error_of(fit, matrix, ms, folds)) for name, fit in forms.items()]
    name = min(errors, key=lambda pair: pair[1])[0] if errors else "pooled"
    choice = Choice(kind=specs[0].kind, rows=len(ms), form=name, errors=tuple(errors))
    return forms[name](matrix, ms), choice


def fit_form(
    specs: Sequence[BlockSpec], ms: Floats, pooled: Regression, form: str, seed: int
) -> Regression:
    """Fit a form that `fit_kind` chose on other latencies of the same blocks."""
    return _forms(len(ms), pooled, seed)[form](feature_matrix(specs), ms)


def fit_costs(matrix: Floats, ms: Floats, prior: Floats | None = None) -> Floats:
    """Non-negative costs of features, by least squares of the relative error.

    `prior` pulls weakly, so that features which the rows do not tell apart keep its costs.
    """
    from sklearn.linear_model import LinearRegression

    rows = matrix / ms[:, None]
    scale = np.sqrt(np.mean(rows**2, axis=0))
    used = scale > 0
    if not used.any():
        return np.zeros(matrix.shape[1]) if prior is None else prior
    unit = rows[:, used] / scale[used]
    weak = np.sqrt(1e-3 * len(ms)) * np.eye(int(used.sum()))
    towards = np.zeros(int(used.sum())) if prior is None else (prior * scale)[used]
    model = LinearRegression(positive=True, fit_intercept=False)
    wanted = np.concatenate([np.ones(len(ms)), np.diag(weak) * towards])
    model.fit(np.concatenate([unit, weak]), wanted)
    costs = np.zeros(matrix.shape[1]) if prior is None else prior.copy()
    costs[used] = model.coef_ / scale[used]
    return costs


Fit = Callable[[Floats, Floats], Regression]


def _forms(rows: int, pooled: Regression, seed: int) -> dict[str, Fit]:
    def scaled(matrix: Floats, ms: Floats) -> Regression:
        assert pooled.coefficients is not None
        factor = float(np.median(ms / pooled.predict(matrix)))
        return Regression(coefficients=factor * pooled.coefficients)

    def linear(matrix: Floats, ms: Floats) -> Regression:
        prior = scaled(matrix, ms).coefficients
        return Regression(coefficients=fit_costs(matrix[:, : len(PHYSICAL)], ms, prior))

    def trees(matrix: Floats, ms: Floats) -> Regression:
        return Regression(coefficients=None, trees=grow(matrix, np.log(ms), seed=seed))

    def linear_trees(matrix: Floats, ms: Floats) -> Regression:
        base = linear(matrix, ms)
        left = np.log(ms / base.predict(matrix))
        return Regression(coefficients=base.coefficients, trees=grow(matrix, left, seed=seed))

    forms: dict[str, Fit] = {"pooled": scaled}
    if rows >= _ROWS_FOR_LINEAR:
        forms["linear"] = linear
    if rows >= _ROWS_FOR_TREES:
        forms |= {"trees": trees, "linear*trees": linear_trees}
    return forms


def _folds(specs: Sequence[BlockSpec], seed: int) -> list[NDArray[np.bool_]]:
    """Masks of the rows left out: at random, and, where sizes are many, whole sizes.

    A regression serves blocks missing here and there, and resolutions missing altogether.
    """
    rng = np.random.default_rng(seed)
    count = min(_FOLDS, len(specs))
    of_row = rng.permutation(np.arange(len(specs)) % count)
    folds = [of_row == fold for fold in range(count)]
    sizes = sorted({spec.in_size for spec in specs})
    if len(sizes) >= 2 * _FOLDS:
        of_size = dict(zip(sizes, np.arange(len(sizes)) % _FOLDS, strict=True))
        of_row = np.array([of_size[spec.in_size] for spec in specs])
        folds += [of_row == fold for fold in range(_FOLDS)]
    return folds


def _error_of(fit: Fit, matrix: Floats, ms: Floats, folds: list[NDArray[np.bool_]]) -> float:
    errors = [
        np.abs(fit(matrix[~out], ms[~out]).predict(matrix[out]) / ms[out] - 1) for out in folds
    ]
    return float(np.mean(np.concatenate(errors)))
