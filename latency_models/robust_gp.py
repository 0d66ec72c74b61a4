"""Gaussian-process regression whose noise has heavy tails, with what each row says when left out.

Some measurements of whole networks are far off (a card that other work slowed down for a moment).
A Student-t noise, by reweighting, lets those count little without anyone naming them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FREEDOM = 4.0  # degrees of it, of the noise
ROUNDS = 8  # of reweighting
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """`weights` (n,): a latent value is its covariances with the rows, times these.

    `left_out` (n,) is how far each row lies from what the others say, `spread` (n,) how sure
    those are, noise included.
    """

    weights: Floats
    left_out: Floats
    spread: Floats

    @property
    def evidence(self) -> float:
        """Mean logarithm of the density of a row, given the others."""
        scaled = self.left_out / self.spread
        tails = np.log1p(scaled**2 / FREEDOM) * (FREEDOM + 1) / 2
        return float(-np.mean(tails + np.log(self.spread)))


def solve(covariance: Floats, values: Floats, noise: float) -> Posterior:
    """Fit values (n,) of a covariance (n, n) known to within `noise`."""
    trust = np.ones(len(values))
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(covariance + np.diag(noise**2 / trust))
        weights = inverse @ values
        # What is left of each value once the latent one is taken away.
        missed = noise**2 / trust * weights
        trust = (FREEDOM + 1) / (FREEDOM + (missed / noise) ** 2)
        trust = np.maximum(trust, _LEAST_WEIGHT)
    variance = 1 / np.diag(inverse)
    latent = np.maximum(variance - noise**2 / trust, 0.0)
    return Posterior(
        weights=weights, left_out=weights * variance, spread=np.sqrt(latent + noise**2)
    )
