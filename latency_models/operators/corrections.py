"""Corrections of what an operator's work says about its latency, by other operators of its kind.

Both predict the logarithm of a factor, with its standard deviation, and estimate their error on
operators that they were not fitted on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.operators.operator import Operator
from latency_models.operators.measured import work_matrix
from latency_models.operators.shape_features import feature_matrix
from latency_models.regression.block_kernel import squared_exponential
from latency_models.regression.gaussian_process import GaussianProcess
from latency_models.regression.smooth_process import Grid, processes

Floats = NDArray[np.float64]

LENGTHS = (1.0, 2.0, 4.0, 8.0)  # tried, in doublings of work
SCALES = (0.1, 0.3, 0.6)  # tried: standard deviation of the logarithm that is smooth in the work
NOISES = (0.03, 0.1, 0.25)  # tried: standard deviation of the logarithm that is not
LARGEST_FACTOR = 2.0  # standard deviations of the smooth factor's logarithm that it may have
# Of a kind with more operators, so many set the smooth factor, and so many its hyperparameters.
MOST_OPERATORS = 1500
CHOOSING_OPERATORS = 300
TREE_OPERATORS = 20  # below which no trees are grown
TREES = 100
LEAST_ERROR = 1e-3  # of a logarithm, below which nothing is more certain


class Correction(Protocol):
    """A factor by which operators of a kind differ from what their work costs."""

    @property
    def left_out_error(self) -> float:
        """Mean absolute error of the logarithm, on operators that it was not fitted on."""
        ...

    def log_factors(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        """Return logarithms of the factor, (m,), and their standard deviations, (m,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothFactor:
    """A factor that is smooth in the work: 1 far from all measured operators.

    Attributes:
        places: logarithms of the work of the operators that set it, (n, 4), in `length`s.
        weights: of these operators, whose sum is the factor's logarithm, (n,).
    """

    length: float
    scale: float
    noise: float
    places: Floats
    weights: Floats
    process: GaussianProcess
    left_out_error: float

    @classmethod
    def fit(cls, operators: Sequence[Operator], logs: Floats, base_ms: Floats) -> "SmoothFactor":
        """Fit to logarithms (n,); length, scale and noise are the most likely of those tried.

        The time grows with the third power of the operators, so of many only some set it.
        """
        everywhere = logarithms_of(work_matrix(operators))
        few, some = _spread(base_ms, CHOOSING_OPERATORS), _spread(base_ms, MOST_OPERATORS)
        grid = Grid(stretches=LENGTHS, scales=SCALES, noises=NOISES)
        length, scale, noise = grid.most_likely(everywhere[few], logs[few])
        places = everywhere[some] / length
        process = processes(places, np.array([scale]), np.array([noise]))
        return cls(
            length=length,
            scale=scale,
            noise=noise,
            places=places,
            weights=process.weights(logs[some])[0],
            process=process,
            left_out_error=float(np.abs(process.left_out(logs[some])).mean()),
        )

    def log_factors(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        work = logarithms_of(work_matrix(operators)) / self.length
        cross = self.scale**2 * squared_exponential(work, self.places)
        bound = LARGEST_FACTOR * self.scale
        prior = np.full((1, len(operators)), self.scale**2)
        variance = self.process.variances(cross[None], prior)[0] + self.noise**2
        return np.clip(cross @ self.weights, -bound, bound), np.sqrt(variance)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreeFactor:
    """A factor by randomised trees over work and shapes: kernels differ by more than their work.

    Attributes:
        model: scikit-learn's trees.
        std: standard deviation of the logarithm's error on operators that a tree did not see.
    """

    model: Any
    std: float
    left_out_error: float

    @classmethod
    def fit(cls, operators: Sequence[Operator], logs: Floats) -> "TreeFactor":
        """Grow trees on logarithms (n,), each on a bootstrap sample; deterministic."""
        from sklearn.ensemble import ExtraTreesRegressor

        model = ExtraTreesRegressor(
            TREES, max_features=0.7, bootstrap=True, oob_score=True, random_state=0
        )
        model.fit(feature_matrix(operators), logs)
        errors = model.oob_prediction_ - logs
        return cls(
            model=model,
            std=float(np.sqrt(np.mean(errors**2))),
            left_out_error=float(np.abs(errors).mean()),
        )

    def log_factors(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        logs = np.asarray(self.model.predict(feature_matrix(operators)), dtype=np.float64)
        return logs, np.full(len(operators), self.std)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedFactor:
    """The geometric mean of factors, by the inverse fourth powers of their left-out errors."""

    parts: tuple[Correction, ...]

    @property
    def left_out_error(self) -> float:
        return min(part.left_out_error for part in self.parts)

    def log_factors(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        weights = np.array([max(part.left_out_error, LEAST_ERROR) ** -4.0 for part in self.parts])
        logs, std = zip(*(part.log_factors(operators) for part in self.parts), strict=True)
        shares = weights / weights.sum()
        return shares @ np.stack(logs), shares @ np.stack(std)


def fit_correction(operators: Sequence[Operator], logs: Floats, base_ms: Floats) -> Correction:
    """Fit a smooth factor, and trees beside it where there are enough operators."""
    smooth = SmoothFactor.fit(operators, logs, base_ms)
    if len(operators) < TREE_OPERATORS:
        return smooth
    return WeightedFactor(parts=(smooth, TreeFactor.fit(operators, logs)))


def logarithms_of(work: Floats) -> Floats:
    """Return the work in doublings, without the constant."""
    result: Floats = np.log2(1 + work[:, 1:])
    return result


def _spread(values: Floats, most: int) -> NDArray[np.intp]:
    """Return the indices of at most `most` values, evenly over their order, ascending."""
    places = np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(np.intp)
    return np.sort(np.argsort(values, kind="stable")[places])
