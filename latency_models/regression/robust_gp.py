"""Gaussian processes with heavy-tailed noise, fitted by reweighting.

Some measurements of whole networks are far off, and nearly all of those are slow (another process
used the device, a clock stepped down). A two-piece Student t, wider on the slow side, gives them
little weight; where few networks correct a sum of measured blocks, Huber's weights do better (on
public columns). Many hyperparameters are solved at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.gaussian_process import GaussianProcess

Floats = NDArray[np.float64]

FREEDOM = 4.0  # degrees of freedom of the noise
ROUNDS = 8  # of reweighting
FEW_ROUNDS = 4  # where only the order of hyperparameters matters
NORMAL = 1  # without reweighting, the noise is normal
FAR_OFF = 2.0  # standard deviations beyond which Huber's weights fall
HUBER_ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustPosterior:
    """Posterior given n values, under g sets of hyperparameters.

    Attributes:
        weights: (g, n): a latent mean is its covariances with the rows, times these.
        left_out: (g, n), each value less its mean given the others.
        evidence: (g,), of the hyperparameters. With Student's t it is a variational lower bound of
            the log density of all values.
    """

    weights: Floats
    left_out: Floats
    evidence: Floats


def solve(
    covariances: Floats, values: Floats, noises: Floats, skews: Floats, rounds: int = ROUNDS
) -> RobustPosterior:
    """Fit values (n,) under covariances (g, n, n) and noise of standard deviations (g,).

    `skews` (g,) are how many times wider the noise is above a latent value than below it. With
    `rounds` of 1 and skews of 1 the noise is normal.
    """
    below = np.repeat(noises[:, None], len(values), axis=1)
    width, precision = below, np.ones_like(below)
    for round_ in range(rounds):
        variance = width**2 / precision
        process = GaussianProcess.of(covariances, variance)
        weights, left_out_variances = process.weights(values), process.left_out_variances
        if round_ < rounds - 1:
            # Posterior mean and variance of each value's noise.
            noise = variance * weights
            uncertainty = variance - variance**2 / left_out_variances
            width = below * np.where(noise > 0, skews[:, None], 1.0)
            square = (noise**2 + np.maximum(uncertainty, 0.0)) / width**2
            precision = (FREEDOM + 1) / (FREEDOM + square)
    two_pieces = np.log(2 * width / below / (1 + skews[:, None])).sum(axis=1)
    return RobustPosterior(
        weights=weights,
        left_out=weights * left_out_variances,
        evidence=process.log_likelihood(values) + two_pieces + _tails(precision).sum(axis=1),
    )


def solve_huber(covariances: Floats, values: Floats, noises: Floats) -> RobustPosterior:
    """Fit values (n,) under covariances (g, n, n) and noise (g,) with Huber's weights.

    The evidence is the mean log density of each value given the others, with Huber's tails.
    """
    noise = noises[:, None]
    trust = np.ones((len(noises), len(values)))
    for _ in range(HUBER_ROUNDS):
        variance = noise**2 / trust
        process = GaussianProcess.of(covariances, variance)
        weights = process.weights(values)
        residual = np.abs(variance * weights)
        trust = np.minimum(1.0, FAR_OFF * noise / np.maximum(residual, 1e-12))
    left_out_variances = process.left_out_variances
    left_out = weights * left_out_variances
    spread = np.sqrt(np.maximum(left_out_variances - noise**2 / trust, 0.0) + noise**2)
    scaled = np.abs(left_out / spread)
    tails = np.where(scaled < FAR_OFF, scaled**2 / 2, FAR_OFF * (scaled - FAR_OFF / 2))
    evidence = -np.mean(tails + np.log(spread), axis=1)
    return RobustPosterior(weights=weights, left_out=left_out, evidence=evidence)


def _tails(precision: Floats) -> Floats:
    """Return what a value's density gains by its own precision, under the gamma prior of those.

    That is the expected logarithm of the precision less the logarithm of its mean, and less the
    divergence of its posterior gamma(shape, rate) from the prior gamma(FREEDOM / 2, FREEDOM / 2).
    """
    from scipy.special import digamma, gammaln

    half, shape = FREEDOM / 2, (FREEDOM + 1) / 2
    rate = shape / precision
    logarithm = digamma(shape) - np.log(rate)
    posterior = shape * np.log(rate) - gammaln(shape) + (shape - 1) * logarithm - shape
    prior = half * np.log(half) - gammaln(half) + (half - 1) * logarithm - half * precision
    result: Floats = 0.5 * (logarithm - np.log(precision)) - (posterior - prior)
    return result
