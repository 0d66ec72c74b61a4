"""Gaussian-process regression for given covariances: posterior, likelihood and leave-one-out.

Equations are those of Rasmussen and Williams, 2006, chapters 2 and 5. Every process in this
repository is solved here; who uses it says what its covariance is.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Added to a diagonal, relative to its mean, where rounding left a covariance indefinite.
_JITTERS = (1e-12, 1e-9, 1e-6)


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """Zero-mean processes under g covariances, each observed at n points with noise.

    Attributes:
        lower: (g, n, n), lower Cholesky factors of covariance plus noise.
    """

    lower: Floats

    @cached_property
    def whitening(self) -> Floats:
        """Inverses of the factors, (g, n, n); several times as much work as the factors."""
        return _inverses(self.lower)

    @classmethod
    def of(cls, covariances: Floats, noise_variances: Floats | float) -> "GaussianProcess":
        """Factorise covariances (g, n, n) plus noise variances, which broadcast to (g, n)."""
        observed = np.array(covariances, dtype=np.float64)
        rows = np.arange(observed.shape[-1])
        observed[:, rows, rows] += noise_variances
        return cls(_cholesky(observed))

    def whiten(self, columns: Floats) -> Floats:
        """Return columns, which broadcast to (g, n, m), with the observations decorrelated."""
        result: Floats = self.whitening @ columns
        return result

    def weights(self, values: Floats) -> Floats:
        """Return (g, n): a posterior mean is a covariance with the n points times these."""
        from scipy.linalg import cho_solve

        rows = [cho_solve((factor, True), values, check_finite=False) for factor in self.lower]
        return np.stack(rows)

    def left_out(self, values: Floats) -> Floats:
        """Return values (n,) less their means given all others, (g, n)."""
        result: Floats = self.weights(values) * self.left_out_variances
        return result

    @property
    def left_out_variances(self) -> Floats:
        """Variances of the observation of each point given all others, (g, n)."""
        result: Floats = 1 / np.einsum("gji,gji->gi", self.whitening, self.whitening)
        return result

    def log_likelihood(self, values: Floats) -> Floats:
        """Return the logarithm of the density of values (n,), (g,)."""
        from scipy.linalg import solve_triangular

        whitened = np.stack(
            [
                solve_triangular(factor, values, lower=True, check_finite=False)
                for factor in self.lower
            ]
        )
        log_diagonal = np.log(np.diagonal(self.lower, axis1=1, axis2=2)).sum(axis=1)
        half_log_2pi = 0.5 * len(values) * np.log(2 * np.pi)
        result: Floats = -log_diagonal - 0.5 * (whitened**2).sum(axis=1) - half_log_2pi
        return result

    def variances(self, cross: Floats, prior: Floats) -> Floats:
        """Return posterior variances (g, m), without noise.

        `cross` broadcasts to (g, m, n), covariances with the observed points; `prior` to (g, m).
        """
        explained = (self.whiten(np.swapaxes(cross, -1, -2)) ** 2).sum(axis=1)
        result: Floats = np.maximum(prior - explained, 0.0)
        return result


def _cholesky(matrices: Floats) -> Floats:
    """Return lower Cholesky factors (g, n, n), with jitter where rounding made one indefinite."""
    size = np.abs(np.diagonal(matrices, axis1=1, axis2=2)).mean(axis=1)[:, None, None]
    for jitter in _JITTERS:
        try:
            return np.asarray(np.linalg.cholesky(matrices))
        except np.linalg.LinAlgError:
            matrices = matrices + jitter * size * np.eye(matrices.shape[1])
    return np.asarray(np.linalg.cholesky(matrices))


def _inverses(lower: Floats) -> Floats:
    """Return the inverses (g, n, n) of lower triangular matrices."""
    from scipy.linalg.lapack import dtrtri

    result = np.empty_like(lower)
    for place, factor in enumerate(lower):
        # LAPACK is column-major: the transposed view is an upper triangle to it.
        inverse, _ = dtrtri(factor.T, lower=0)
        result[place] = inverse.T
    return result
