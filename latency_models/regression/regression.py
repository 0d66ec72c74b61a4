"""Latency of one kind of block from its features: forms, their fits, and the choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.gaussian_process import BlockProcess, fit_smooth
from latency_models.regression.trees import Trees, grow

FLOOR_MS = 1e-4  # no block is free, however little of what was fitted it has
_FOLDS = 3
# Forms, simplest first, and how many rows of a kind each takes.
FORMS = {
    "pooled": 1,
    "linear": 4,
    "linear*smooth": 8,
    "trees": 30,
    "linear*trees": 30,
    "linear*both": 30,
}
UNJUDGED_SPREAD = 0.3  # of forms that too few rows could judge

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """ms = max(features @ coefficients, FLOOR_MS) * exp(trees) * exp(smooth).

    What is None is left out; without coefficients the first factor is 1. `spread` is the relative
    standard deviation of rows left out.
    """

    coefficients: Floats | None  # one for each of PHYSICAL, ms a unit, not negative
    trees: Trees | None = None
    smooth: BlockProcess | None = None
    spread: float = UNJUDGED_SPREAD

    def predict(self, matrix: Floats) -> Floats:
        """Latencies in ms (n,) of blocks whose features, `ALL`, are the rows of `matrix`."""
        ms = np.ones(len(matrix))
        if self.coefficients is not None:
            ms = np.maximum(matrix[:, : len(PHYSICAL)] @ self.coefficients, FLOOR_MS)
        if self.trees is not None:
            ms = ms * np.exp(self.trees.predict(matrix))
        if self.smooth is not None:
            ms = ms * np.exp(self.smooth.predict(matrix))
        return ms

    def spread_of(self, matrix: Floats) -> Floats:
        """Relative standard deviation of each prediction, (n,); wider far from what was fitted."""
        far = np.zeros(len(matrix)) if self.smooth is None else self.smooth.far(matrix)
        return np.maximum(self.spread, UNJUDGED_SPREAD * far**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A whole table's features (n, ALL) and latencies (n,), and which rows are of one kind."""

    matrix: Floats
    ms: Floats
    of_kind: NDArray[np.bool_]

    def without(self, out: NDArray[np.bool_]) -> "Rows":
        """Return all but the rows left out."""
        kept = ~out
        return Rows(matrix=self.matrix[kept], ms=self.ms[kept], of_kind=self.of_kind[kept])


def rows_of(kind: str, specs: Sequence[BlockSpec], ms: Floats) -> Rows:
    """Rows of a table, with a view to one kind."""
    of_kind = np.array([spec.kind == kind for spec in specs])
    return Rows(matrix=feature_matrix(specs), ms=ms, of_kind=of_kind)


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


def fit_pooled(matrix: Floats, ms: Floats) -> Regression:
    """Fit one cost for all kinds at once: what kinds with few or no rows fall back on."""
    return Regression(coefficients=fit_costs(matrix[:, : len(PHYSICAL)], ms))


def fit_kind(
    kind: str, specs: Sequence[BlockSpec], ms: Floats, seed: int
) -> tuple[Regression, Choice]:
    """Fit every form that the rows of `kind` allow, and keep the best in cross-validation.

    `specs` and `ms` are the whole table: blocks of other kinds tell of `kind` too.
    """
    rows = rows_of(kind, specs, ms)
    count = int(rows.of_kind.sum())
    missed: dict[str, Floats] = {}
    if count >= FORMS["linear"]:
        folds = _folds(specs, rows.of_kind, seed)
        missed = {name: _left_out(name, rows, folds, seed) for name in _names(count)}
    errors = {name: float(np.mean(np.abs(error))) for name, error in missed.items()}
    form = min(errors, key=lambda name: errors[name]) if errors else "pooled"
    choice = Choice(kind=kind, rows=count, form=form, errors=tuple(errors.items()))
    model = fit_form(form, rows, seed)
    if missed:
        model = replace(model, spread=float(np.sqrt(np.mean(missed[form] ** 2))))
    return model, choice


def fit_form(form: str, rows: Rows, seed: int) -> Regression:
    """Fit one form to the rows of a kind."""
    own, own_ms = rows.matrix[rows.of_kind], rows.ms[rows.of_kind]
    if form == "trees":
        return Regression(coefficients=None, trees=grow(own, np.log(own_ms), seed=seed))
    pooled = fit_pooled(rows.matrix, rows.ms)
    assert pooled.coefficients is not None
    costs = float(np.median(own_ms / pooled.predict(own))) * pooled.coefficients
    if form != "pooled":
        costs = fit_costs(own[:, : len(PHYSICAL)], own_ms, costs)
    base = Regression(coefficients=costs)
    left = np.log(own_ms / base.predict(own))
    if form == "linear*trees":
        return replace(base, trees=grow(own, left, seed=seed))
    if form == "linear*smooth":
        return replace(base, smooth=fit_smooth(own, left))
    if form == "linear*both":
        trees, smooth = grow(own, left, seed=seed), fit_smooth(own, left)
        return replace(base, trees=trees.times(0.5), smooth=smooth.times(0.5))
    return base


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


def _names(rows: int) -> list[str]:
    return [name for name, least in FORMS.items() if rows >= least]


def _folds(
    specs: Sequence[BlockSpec], of_kind: NDArray[np.bool_], seed: int
) -> list[NDArray[np.bool_]]:
    """Masks of the rows left out: at random, and, where sizes are many, whole sizes.

    A regression serves blocks missing here and there, and resolutions missing altogether.
    """
    count = int(of_kind.sum())
    of_row = np.full(len(specs), -1)
    of_row[of_kind] = np.random.default_rng(seed).permutation(np.arange(count) % _FOLDS)
    folds = [of_row == fold for fold in range(_FOLDS)]
    sizes = sorted({spec.in_size for spec, own in zip(specs, of_kind, strict=True) if own})
    if len(sizes) >= 2 * _FOLDS:
        place = {size: number % _FOLDS for number, size in enumerate(sizes)}
        of_row = np.array([place.get(spec.in_size, -1) for spec in specs])
        folds += [of_kind & (of_row == fold) for fold in range(_FOLDS)]
    return folds


def _left_out(form: str, rows: Rows, folds: list[NDArray[np.bool_]], seed: int) -> Floats:
    """Relative errors of the rows left out, fold after fold."""
    found = []
    for out in folds:
        model = fit_form(form, rows.without(out), seed)
        found.append(model.predict(rows.matrix[out]) / rows.ms[out] - 1)
    return np.concatenate(found)
