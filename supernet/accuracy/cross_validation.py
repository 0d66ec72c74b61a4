"""Cross-validated errors of accuracy predictors."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.reading import from_plain, without_nan
from latency_models.evaluation.evaluate import rank_correlation

Array = NDArray[np.float64]

PARTS = 5
MOST_COMPARED = 1000  # pairs on which fits are compared: their time grows with the cube


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """Errors on held-out pairs; accuracies are fractions.

    `constant_rmse` is the error of the best constant, the baseline. `spearman` is nan where all
    accuracies are equal.
    """

    pairs: int
    parts: int
    rmse: float
    constant_rmse: float
    spearman: float

    @classmethod
    def of(cls, predicted: Array, values: Array, part: NDArray[np.int64]) -> Self:
        """Compare `predicted` (n,), each from a fit on the other parts, with `values` (n,)."""
        constant = np.array([values[part != p].mean() for p in part])
        rank = rank_correlation("spearmanr", predicted, values)
        return cls(
            pairs=len(values),
            parts=PARTS,
            rmse=root_mean_square(predicted - values),
            constant_rmse=root_mean_square(constant - values),
            spearman=float("nan") if rank is None else rank,
        )

    def to_json(self) -> dict[str, Any]:
        return without_nan(asdict(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        rank = {} if data["spearman"] is not None else {"spearman": float("nan")}
        return from_plain(cls, {**data, **rank}, "a cross-validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Errors on held-out pairs, `judged` of them, of a fit on `fitted` others.

    Errors are fractions; `constant_rmse` is that of the fitted pairs' mean. `kendall` and
    `spearman` are None where all accuracies, or all predictions, are equal.
    """

    fitted: int
    judged: int
    rmse: float
    constant_rmse: float
    kendall: float | None
    spearman: float | None

    @classmethod
    def of(cls, predicted: Array, values: Array, fitted: Array) -> Self:
        """Compare `predicted` with `values` (n,), of a fit on the accuracies `fitted` (m,)."""
        return cls(
            fitted=len(fitted),
            judged=len(values),
            rmse=root_mean_square(predicted - values),
            constant_rmse=root_mean_square(fitted.mean() - values),
            kendall=rank_correlation("kendalltau", predicted, values),
            spearman=rank_correlation("spearmanr", predicted, values),
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def deal(n: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return at most `MOST_COMPARED` of `n` pairs in random order, and the part of each."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(n)[:MOST_COMPARED]
    return drawn, rng.permutation(len(drawn)) % PARTS


def root_mean_square(errors: Array) -> float:
    """Return the root mean square of errors (n,)."""
    return float(np.sqrt(np.mean(errors**2)))
