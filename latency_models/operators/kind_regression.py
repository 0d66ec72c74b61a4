"""Latency of operators of one kind that were not measured: by their work, and similar operators."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from bench.operators.operator import Operator
from latency_models.operators.measured import work_matrix
from latency_models.regression.block_kernel import squared_exponential
from latency_models.regression.gaussian_process import GaussianProcess
from latency_models.regression.smooth_process import Grid, processes

Floats = NDArray[np.float64]

LEAST_OPERATORS = 5  # of a kind, below which its regression is not used
LENGTHS = (1.0, 2.0, 4.0, 8.0)  # tried, in doublings of work
SCALES = (0.1, 0.3, 0.6)  # tried: standard deviation of the logarithm that is smooth in the work
NOISES = (0.03, 0.1, 0.25)  # tried: standard deviation of the logarithm that is not
LARGEST_FACTOR = 2.0  # standard deviations of the smooth factor's logarithm that it may have
FAR = 1.0  # doublings of work beyond all measured operators, from which an estimate is limited
LARGEST_RATIO = 16.0  # of a limited estimate to that of all kinds, either way
DOUBLING_STD = 0.2  # of the logarithm, for each doubling of work beyond all measured operators
LARGEST_STD = 1.0  # of the logarithm, however far
# Of a kind with more operators, so many set the smooth factor, and so many its hyperparameters.
MOST_OPERATORS = 1500
CHOOSING_OPERATORS = 300
_LEAST_MS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindRegression:
    """Latency of a kind of operator: non-negative costs of its work, times a smooth factor.

    The factor is 1 far from all measured operators, and never further from 1 than is plausible.

    Attributes:
        per_unit_ms: cost of a call, a MAC, a byte read, written, and constant, (5,).
        places: logarithms of the work of the operators that set the factor, (n, 4), in `length`s.
        weights: of these operators, whose sum is the factor's logarithm, (n,).
        least, most: logarithms of the smallest and the largest work that was measured, (4,).
    """

    per_unit_ms: Floats
    length: float
    scale: float
    noise: float
    places: Floats
    weights: Floats
    least: Floats
    most: Floats
    process: GaussianProcess

    def predict(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        """Return latencies in ms, (m,), and standard deviations of their logarithms, (m,)."""
        work = work_matrix(operators)
        cross = self.scale**2 * squared_exponential(_logarithms(work) / self.length, self.places)
        bound = LARGEST_FACTOR * self.scale
        factor = np.exp(np.clip(cross @ self.weights, -bound, bound))
        prior = np.full((1, len(operators)), self.scale**2)
        variance = self.process.variances(cross[None], prior)[0] + self.noise**2
        return self.base_ms(work) * factor, np.sqrt(variance)

    def predict_near(
        self, operators: Sequence[Operator], general: "KindRegression"
    ) -> tuple[Floats, Floats]:
        """Predict, and limit what is far beyond all measured operators of this kind.

        Costs of a unit that small operators suggest may be wrong by orders of magnitude for large
        ones: such an estimate stays within `LARGEST_RATIO` of that by `general`, the regression of
        all kinds, and its deviation grows with the distance.
        """
        ms, log_std = self.predict(operators)
        work = work_matrix(operators)
        logarithms, general_ms = _logarithms(work), general.base_ms(work)
        beyond = np.maximum(logarithms - self.most, self.least - logarithms).max(axis=1)
        limited_ms = np.clip(ms, general_ms / LARGEST_RATIO, general_ms * LARGEST_RATIO)
        far_std = np.clip(DOUBLING_STD * beyond, 0, LARGEST_STD)
        return np.where(beyond > FAR, limited_ms, ms), np.maximum(log_std, far_std)

    def base_ms(self, work: Floats) -> Floats:
        """Return what the costs of the work sum up to, in ms, (m,)."""
        base_ms: Floats = np.maximum(work @ self.per_unit_ms, _LEAST_MS)
        return base_ms


def fit_kind(operators: Sequence[Operator], ms: Floats) -> KindRegression:
    """Fit on measured operators and their latencies (n,) in ms, all above 0.

    Costs minimise relative errors; length, scale and noise are the most likely of those tried. The
    time grows with the third power of the operators, so of many only some set the smooth factor.
    """
    work = work_matrix(operators)
    per_unit_ms, _ = nnls(work / ms[:, None], np.ones(len(ms)))
    base_ms = np.maximum(work @ per_unit_ms, _LEAST_MS)
    residual, everywhere = np.log(ms / base_ms), _logarithms(work)
    few, some = _spread(base_ms, CHOOSING_OPERATORS), _spread(base_ms, MOST_OPERATORS)
    grid = Grid(stretches=LENGTHS, scales=SCALES, noises=NOISES)
    length, scale, noise = grid.most_likely(everywhere[few], residual[few])
    places = everywhere[some] / length
    chosen = processes(places, np.array([scale]), np.array([noise]))
    return KindRegression(
        per_unit_ms=np.asarray(per_unit_ms),
        length=length,
        scale=scale,
        noise=noise,
        places=places,
        weights=chosen.weights(residual[some])[0],
        least=everywhere.min(axis=0),
        most=everywhere.max(axis=0),
        process=chosen,
    )


def _spread(values: Floats, most: int) -> NDArray[np.intp]:
    """Return the indices of at most `most` values, evenly over their order, ascending."""
    places = np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(np.intp)
    return np.sort(np.argsort(values, kind="stable")[places])


def _logarithms(work: Floats) -> Floats:
    """Return the work in doublings, without the constant."""
    result: Floats = np.log2(1 + work[:, 1:])
    return result
