"""Gaussian-process regression with heavy-tailed noise, heavier on the slow side.

Some measurements of whole networks are far off, nearly all of them slow (other work took the card
for a moment, a clock stepped down). A two-piece Student-t noise, by reweighting, lets those count
little without anyone naming them. Many sets of scales are solved at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FREEDOM = 4.0  # degrees of it, of the noise
ROUNDS = 8  # of reweighting
FEW_ROUNDS = 4  # where only an order among scales is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What n values say under g sets of scales.

    `weights` (g, n): a latent value is its covariances with the rows, times these. `left_out`
    (g, n) is how far each value lies from what the others say. `evidence` (g,) is the logarithm of
    the density of all values (a lower bound of it: the variational one).
    """

    weights: Floats
    left_out: Floats
    evidence: Floats


def solve(
    covariances: Floats, values: Floats, noises: Floats, skews: Floats, rounds: int = ROUNDS
) -> Posterior:
    """Fit values (n,) under covariances (g, n, n), each known to within its noise (g,).

    `skews` (g,) say how many times wider the noise is above a latent value than below it.
    """
    below = np.repeat(noises[:, None], len(values), axis=1)
    size, trust = below, np.ones_like(below)
    for round_ in range(rounds):
        variance = size**2 / trust
        inverse = np.linalg.inv(_with_diagonal(covariances, variance))
        weights = inverse @ values
        if round_ < rounds - 1:
            # What is left of each value once the latent one is taken away, and how sure that is.
            missed = variance * weights
            unsure = variance - variance**2 * np.diagonal(inverse, axis1=1, axis2=2)
            size = below * np.where(missed > 0, skews[:, None], 1.0)
            square = (missed**2 + np.maximum(unsure, 0.0)) / size**2
            trust = (FREEDOM + 1) / (FREEDOM + square)
    _, spread = np.linalg.slogdet(_with_diagonal(covariances, variance))
    normal = -0.5 * (weights @ values + spread + len(values) * np.log(2 * np.pi))
    two_pieces = np.log(2 * size / below / (1 + skews[:, None])).sum(axis=1)
    return Posterior(
        weights=weights,
        left_out=weights / np.diagonal(inverse, axis1=1, axis2=2),
        evidence=normal + two_pieces + _tails(trust).sum(axis=1),
    )


def _with_diagonal(covariances: Floats, diagonal: Floats) -> Floats:
    result = covariances.copy()
    rows = np.arange(covariances.shape[1])
    result[:, rows, rows] += diagonal
    return result


def _tails(trust: Floats) -> Floats:
    """How much likelier a value is for its own precision, under its gamma prior, than the mean's.

    The expected logarithm of the precision in place of its mean's, less the divergence of its
    posterior gamma(shape, rate) from the prior gamma(FREEDOM / 2, FREEDOM / 2).
    """
    from scipy.special import digamma, gammaln

    half, shape = FREEDOM / 2, (FREEDOM + 1) / 2
    rate = shape / trust
    logarithm = digamma(shape) - np.log(rate)
    posterior = shape * np.log(rate) - gammaln(shape) + (shape - 1) * logarithm - shape
    prior = half * np.log(half) - gammaln(half) + (half - 1) * logarithm - half * trust
    result: Floats = 0.5 * (logarithm - np.log(trust)) - (posterior - prior)
    return result
