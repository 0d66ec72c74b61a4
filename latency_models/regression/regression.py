"""Latency of one kind of block from its features: forms, their fits, and the choice among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.protocol.progress import NoProgress, Progress
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.smooth_correction import SmoothCorrection, fit_smooth
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
UNKNOWN_SPREAD = 0.3  # where rows are too few for held-out ones

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """ms = max(features @ coefficients, FLOOR_MS) * exp(trees) * exp(smooth).

    Factors that are None are 1. `spread` is the relative standard deviation of held-out rows.
    """

    coefficients: Floats | None  # (PHYSICAL,), ms a unit, not negative
    trees: Trees | None = None
    smooth: SmoothCorrection | None = None
    spread: float = UNKNOWN_SPREAD

    def predict(self, matrix: Floats) -> Floats:
        """Return latencies in ms (n,) of blocks with features `ALL` (n, ALL)."""
        ms = np.ones(len(matrix))
        if self.coefficients is not None:
            ms = np.maximum(matrix[:, : len(PHYSICAL)] @ self.coefficients, FLOOR_MS)
        if self.trees is not None:
            ms = ms * np.exp(self.trees.predict(matrix))
        if self.smooth is not None:
            ms = ms * np.exp(self.smooth.predict(matrix))
        return ms

    def spread_of(self, matrix: Floats) -> Floats:
        """Return relative standard deviations (n,), larger far from the rows of the fit."""
        far = np.zeros(len(matrix)) if self.smooth is None else self.smooth.far(matrix)
        return np.maximum(self.spread, UNKNOWN_SPREAD * far**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A whole table's features (n, ALL) and latencies (n,), and which rows are of one kind."""

    matrix: Floats
    ms: Floats
    of_kind: NDArray[np.bool_]

    def without(self, out: NDArray[np.bool_]) -> "Rows":
        """Return all rows but those of the mask `out` (n,)."""
        kept = ~out
        return Rows(matrix=self.matrix[kept], ms=self.ms[kept], of_kind=self.of_kind[kept])


def rows_of(kind: str, specs: Sequence[BlockSpec], ms: Floats) -> Rows:
    """Return the rows of a table, with a mask of one kind."""
    of_kind = np.array([spec.kind == kind for spec in specs])
    return Rows(matrix=feature_matrix(specs), ms=ms, of_kind=of_kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Result of cross-validation: mean absolute relative error of each form tried, by name."""

    kind: str
    rows: int
    form: str
    errors: tuple[tuple[str, float], ...]  # empty where there were too few rows

    @property
    def error(self) -> float:
        """Return the error of the chosen form; NaN where there were too few rows."""
        return dict(self.errors).get(self.form, float("nan"))


def fit_pooled(matrix: Floats, ms: Floats) -> Regression:
    """Fit costs for all kinds at once, which kinds with few or no rows use."""
    return Regression(coefficients=fit_costs(matrix[:, : len(PHYSICAL)], ms))


def fit_kind(
    kind: str,
    specs: Sequence[BlockSpec],
    ms: Floats,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Regression, Choice]:
    """Fit every form that the rows of `kind` allow, and keep the best in cross-validation.

    `specs` and `ms` are the whole table: blocks of other kinds contribute to pooled costs.
    `progress` is shown each of `forms_for`.
    """
    rows = rows_of(kind, specs, ms)
    count = int(rows.of_kind.sum())
    held_out: dict[str, Floats] = {}
    names = forms_for(count)
    folds = _folds(specs, rows.of_kind, seed) if names else []
    shown = progress or NoProgress()
    for name in names:
        shown.advance(0, f"{kind}: {name}")
        held_out[name] = _held_out(name, rows, folds, seed)
        shown.advance(1, f"{kind}: {name}")
    errors = {name: float(np.mean(np.abs(error))) for name, error in held_out.items()}
    form = min(errors, key=lambda name: errors[name]) if errors else "pooled"
    choice = Choice(kind=kind, rows=count, form=form, errors=tuple(errors.items()))
    model = fit_form(form, rows, seed)
    if held_out:
        model = replace(model, spread=float(np.sqrt(np.mean(held_out[form] ** 2))))
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
    residuals = np.log(own_ms / base.predict(own))
    if form == "linear*trees":
        return replace(base, trees=grow(own, residuals, seed=seed))
    if form == "linear*smooth":
        return replace(base, smooth=fit_smooth(own, residuals))
    if form == "linear*both":
        trees, smooth = grow(own, residuals, seed=seed), fit_smooth(own, residuals)
        return replace(base, trees=trees.times(0.5), smooth=smooth.times(0.5))
    return base


def fit_costs(matrix: Floats, ms: Floats, prior: Floats | None = None) -> Floats:
    """Return non-negative costs of features, by least squares of the relative error.

    `prior` has a small weight: features that the rows cannot distinguish keep its costs.
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
    targets = np.concatenate([np.ones(len(ms)), np.diag(weak) * towards])
    model.fit(np.concatenate([unit, weak]), targets)
    costs = np.zeros(matrix.shape[1]) if prior is None else prior.copy()
    costs[used] = model.coef_ / scale[used]
    return costs


def forms_for(rows: int) -> list[str]:
    """Return the forms that so many rows of a kind are cross-validated with; none for too few."""
    if rows < FORMS["linear"]:
        return []
    return [name for name, least in FORMS.items() if rows >= least]


def _folds(
    specs: Sequence[BlockSpec], of_kind: NDArray[np.bool_], seed: int
) -> list[NDArray[np.bool_]]:
    """Masks of held-out rows: at random and, where there are many sizes, whole sizes.

    A regression predicts single blocks that were not measured, and whole resolutions.
    """
    count = int(of_kind.sum())
    of_row = np.full(len(specs), -1)
    of_row[of_kind] = np.random.default_rng(seed).permutation(np.arange(count) % _FOLDS)
    folds = [of_row == fold for fold in range(_FOLDS)]
    sizes = sorted({spec.in_size for spec, inside in zip(specs, of_kind, strict=True) if inside})
    if len(sizes) >= 2 * _FOLDS:
        place = {size: number % _FOLDS for number, size in enumerate(sizes)}
        of_row = np.array([place.get(spec.in_size, -1) for spec in specs])
        folds += [of_kind & (of_row == fold) for fold in range(_FOLDS)]
    return folds


def _held_out(form: str, rows: Rows, folds: list[NDArray[np.bool_]], seed: int) -> Floats:
    """Relative errors of the held-out rows, fold after fold."""
    errors = []
    for out in folds:
        model = fit_form(form, rows.without(out), seed)
        errors.append(model.predict(rows.matrix[out]) / rows.ms[out] - 1)
    return np.concatenate(errors)
