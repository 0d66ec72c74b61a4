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
_LEAST_MS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindRegression:
    """Latency of a kind of operator: non-negative costs of its work, times a smooth factor.

    Attributes:
        per_unit_ms: cost of a call, a MAC, a byte read, written, and constant, (5,).
        places: logarithms of the measured operators' work, (n, 5), in `length`s.
        weights: of the measured operators, whose sum is the factor's logarithm, (n,).
    """

    per_unit_ms: Floats
    length: float
    scale: float
    noise: float
    places: Floats
    weights: Floats
    process: GaussianProcess

    def predict(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        """Return latencies in ms, (m,), and standard deviations of their logarithms, (m,)."""
        work = work_matrix(operators)
        cross = self.scale**2 * squared_exponential(_logarithms(work) / self.length, self.places)
        base_ms = np.maximum(work @ self.per_unit_ms, _LEAST_MS)
        prior = np.full((1, len(operators)), self.scale**2)
        variance = self.process.variances(cross[None], prior)[0] + self.noise**2
        return base_ms * np.exp(cross @ self.weights), np.sqrt(variance)


def fit_kind(operators: Sequence[Operator], ms: Floats) -> KindRegression:
    """Fit on measured operators and their latencies (n,) in ms, all above 0.

    Costs minimise relative errors; length, scale and noise are the most likely of those tried.
    """
    work = work_matrix(operators)
    per_unit_ms, _ = nnls(work / ms[:, None], np.ones(len(ms)))
    residual = np.log(ms / np.maximum(work @ per_unit_ms, _LEAST_MS))
    places = _logarithms(work)
    grid = Grid(stretches=LENGTHS, scales=SCALES, noises=NOISES)
    length, scale, noise = grid.most_likely(places, residual)
    chosen = processes(places / length, np.array([scale]), np.array([noise]))
    return KindRegression(
        per_unit_ms=np.asarray(per_unit_ms),
        length=length,
        scale=scale,
        noise=noise,
        places=places / length,
        weights=chosen.weights(residual)[0],
        process=chosen,
    )


def _logarithms(work: Floats) -> Floats:
    """Return the work in doublings, without the constant."""
    result: Floats = np.log2(1 + work[:, 1:])
    return result
