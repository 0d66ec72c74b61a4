"""Smooth processes over positions, with the most likely of a grid of hyperparameters."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.block_kernel import squared_exponential
from latency_models.regression.gaussian_process import GaussianProcess

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Hyperparameters that are tried.

    Attributes:
        stretches: distances within which values are similar, in units of the positions.
        scales, noises: standard deviations of the smooth part and of the rest.
    """

    stretches: tuple[float, ...]
    scales: tuple[float, ...]
    noises: tuple[float, ...]

    def most_likely(self, positions: Floats, values: Floats) -> tuple[float, float, float]:
        """Return stretch, scale and noise for values (n,) at positions (n, k)."""
        tried = list(product(self.scales, self.noises))
        scales, noises = (np.array(column) for column in zip(*tried, strict=True))
        likelihoods = [
            processes(positions / stretch, scales, noises).log_likelihood(values)
            for stretch in self.stretches
        ]
        shape = (len(self.stretches), len(tried))
        stretch, best = np.unravel_index(int(np.argmax(likelihoods)), shape)
        return self.stretches[stretch], *tried[best]


def processes(positions: Floats, scales: Floats, noises: Floats) -> GaussianProcess:
    """Return processes of g scales and noises (g,), observed at positions (n, k)."""
    similarity = squared_exponential(positions, positions)
    return GaussianProcess.of(scales[:, None, None] ** 2 * similarity, noises[:, None] ** 2)
