"""A Gaussian process over a block's shape, which corrects the errors of similar blocks.

Trees need many rows of a kind before they say anything; this says something from a handful, and
says least far from what was measured. The posterior mean is a weighted sum of kernels at the
measured blocks (Rasmussen and Williams, 2006, equation 2.25): a table of knots.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.features import ALL
from latency_models.regression.model_averaging import spread_rows

Floats = NDArray[np.float64]

# How far two blocks may lie apart and still tell something of each other: doublings of sizes and
# widths, steps of a kernel's half-width, the rest in its own units.
LENGTHS = {
    "in_size": 1.0,
    "in_channels": 1.5,
    "mid_channels": 1.0,
    "out_channels": 1.5,
    "kernel": 1.0,
    "stride": 1.0,
    "act": 1.0,
    "se": 1.0,
    "residual": 2.0,
}
_DOUBLINGS = ("in_size", "out_size", "in_channels", "mid_channels", "out_channels")
# Tried: stretches of all lengths, standard deviations of what is smooth and of noise, both of
# the logarithm of a latency.
STRETCHES, SCALES, NOISES = (0.4, 0.7, 1.2, 2.0), (0.05, 0.15, 0.4), (0.005, 0.01, 0.02, 0.04)
MOST_TO_CHOOSE = 250  # rows that the three are chosen on; a solution costs their cube


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockProcess:
    """`places` (knots, LENGTHS), in lengths times `stretch`; `weights` (knots,)."""

    stretch: float
    places: Floats
    weights: Floats

    def predict(self, matrix: Floats) -> Floats:
        """Logarithm of the factor, (n,), for blocks whose features, `ALL`, are `matrix`' rows."""
        found: Floats = self._alike(matrix) @ self.weights
        return found

    def times(self, share: float) -> "BlockProcess":
        """Part of the correction."""
        return replace(self, weights=share * self.weights)

    def far(self, matrix: Floats) -> Floats:
        """How little the nearest knot tells of each block, (n,): 0 at a knot, 1 far from all."""
        nearest = self._alike(matrix).max(axis=1, initial=0.0)
        found: Floats = np.sqrt(1 - np.minimum(nearest, 1.0) ** 2)
        return found

    def _alike(self, matrix: Floats) -> Floats:
        return kernel(places(matrix) / self.stretch, self.places)


def fit_smooth(matrix: Floats, logs: Floats) -> BlockProcess:
    """Fit what is left of the logarithms (n,) of latencies; scales by the rows' likelihood."""
    where = places(matrix)
    few = spread_rows(len(logs), MOST_TO_CHOOSE)
    best: tuple[float, float, float, float] | None = None
    for stretch, scale in product(STRETCHES, SCALES):
        alike = scale**2 * kernel(where[few] / stretch, where[few] / stretch)
        for noise in NOISES:
            found = _log_likelihood(alike, logs[few], noise)
            if best is None or found > best[0]:
                best = found, stretch, scale, noise
    assert best is not None
    _, stretch, scale, noise = best
    knots = where / stretch
    covariance = scale**2 * kernel(knots, knots) + noise**2 * np.eye(len(knots))
    weights = np.asarray(scale**2 * np.linalg.solve(covariance, logs), dtype=np.float64)
    return BlockProcess(stretch=stretch, places=knots, weights=weights)


def places(matrix: Floats, lengths: Mapping[str, float] = LENGTHS) -> Floats:
    """Where blocks lie, in lengths, (n, lengths), from their features, `ALL`."""
    columns = []
    for name, length in lengths.items():
        column = matrix[:, ALL.index(name)]
        if name in _DOUBLINGS:
            column = np.log2(1 + column)
        elif name == "kernel":
            column = column / 2
        elif name == "se":
            column = (column > 0).astype(np.float64)
        columns.append(column / length)
    return np.column_stack(columns)


def kernel(some: Floats, others: Floats) -> Floats:
    """Squared-exponential similarity, 0 to 1, (len(some), len(others))."""
    squares = np.sum(some**2, axis=1)[:, None] + np.sum(others**2, axis=1)[None, :]
    squares -= 2 * some @ others.T
    found: Floats = np.exp(-0.5 * np.maximum(squares, 0.0))
    return found


def _log_likelihood(alike: Floats, logs: Floats, noise: float) -> float:
    """Logarithm of the rows' density, constant terms left out."""
    factor = np.linalg.cholesky(alike + noise**2 * np.eye(len(logs)))
    whitened = np.linalg.solve(factor, logs)
    return float(-0.5 * whitened @ whitened - np.log(np.diag(factor)).sum())
