"""Smooth correction of a regression: a Gaussian process over a block's shape.

Trees need many rows of a kind; this works from a handful, and tends to no correction far from the
measured blocks. The posterior mean is a weighted sum of kernels at the measured blocks (Rasmussen
and Williams, 2006, equation 2.25): a table of knots.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.block_kernel import WITHIN_KIND, squared_exponential
from latency_models.regression.smooth_process import Grid, processes
from latency_models.regression.variance_components import spread_rows

Floats = NDArray[np.float64]

LENGTHS = WITHIN_KIND.lengths
# Hyperparameters that are tried: stretches of all lengths, and standard deviations of the
# correction and of noise, both of the logarithm of a latency.
STRETCHES, SCALES, NOISES = (0.4, 0.7, 1.2, 2.0), (0.05, 0.15, 0.4), (0.005, 0.01, 0.02, 0.04)
MOST_TO_CHOOSE = 250  # rows that they are tried on: a solution takes time by their cube


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothCorrection:
    """Logarithm of a factor as a sum of kernels around knots.

    Attributes:
        stretch: factor of the lengths of `WITHIN_KIND`.
        places: (knots, LENGTHS), positions of the knots in lengths times `stretch`.
        weights: (knots,).
    """

    stretch: float
    places: Floats
    weights: Floats

    def predict(self, matrix: Floats) -> Floats:
        """Return the logarithm of the factor, (n,), of blocks with features `ALL` (n, ALL)."""
        result: Floats = self._similarity(matrix) @ self.weights
        return result

    def times(self, share: float) -> "SmoothCorrection":
        """Return a share of the correction."""
        return replace(self, weights=share * self.weights)

    def far(self, matrix: Floats) -> Floats:
        """Return the relative prior standard deviation that the nearest knot leaves, (n,).

        0 at a knot, 1 far from all.
        """
        nearest = self._similarity(matrix).max(axis=1, initial=0.0)
        result: Floats = np.sqrt(1 - np.minimum(nearest, 1.0) ** 2)
        return result

    def _similarity(self, matrix: Floats) -> Floats:
        return squared_exponential(WITHIN_KIND.positions(matrix) / self.stretch, self.places)


def fit_smooth(matrix: Floats, logs: Floats) -> SmoothCorrection:
    """Fit residuals (n,) of the logarithms of latencies; hyperparameters by their likelihood."""
    positions, rows = WITHIN_KIND.positions(matrix), spread_rows(len(logs), MOST_TO_CHOOSE)
    grid = Grid(stretches=STRETCHES, scales=SCALES, noises=NOISES)
    stretch, scale, noise = grid.most_likely(positions[rows], logs[rows])
    knots = positions / stretch
    process = processes(knots, np.array([scale]), np.array([noise]))
    return SmoothCorrection(
        stretch=stretch, places=knots, weights=scale**2 * process.weights(logs)[0]
    )
