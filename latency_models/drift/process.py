"""Drift between sessions as a Gaussian process: hypotheses, weighted by the drift log.

The log drift at a time is the sum of a mean, a part that decays within minutes or hours, a part
that decays within days (both Ornstein-Uhlenbeck processes, of covariance exp(-gap / time)), and an
independent part of each session. The sizes of the parts and the decay time of the first are not
known: they are averaged over a grid of hypotheses with the prior below. Three sessions within half
an hour determine little about the next day, and the weights of the hypotheses reflect that.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.gaussian_process import GaussianProcess

Floats = NDArray[np.float64]

# Standard deviation of the log drift over days. The prior is log-normal about `PRIOR_STD`:
# docs/explanation/drift.md names the logs that it was chosen from.
STDS = np.geomspace(0.004, 0.4, 14)
PRIOR_STD, PRIOR_STD_SPREAD = 0.11, 0.8
# Shares of the variance: independent in each session, decaying within hours, within days.
SHARES = (
    (0.01, 0.9, 0.09),
    (0.01, 0.5, 0.49),
    (0.01, 0.2, 0.79),
    (0.2, 0.7, 0.1),
    (0.2, 0.3, 0.5),
    (0.6, 0.3, 0.1),
    (0.6, 0.1, 0.3),
)
HOURS_S = (900.0, 3600.0, 14400.0)
DAYS_S = 3 * 86400.0
MEAN_VARIANCE = 1.0  # prior of the mean: nearly nothing is known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hypotheses:
    """The grid, a hypothesis an entry: variances of the three parts (k,), decay times in s (k,)."""

    session: Floats
    hours: Floats
    days: Floats
    hours_s: Floats
    log_weights: Floats

    @classmethod
    def prior(cls) -> "Hypotheses":
        """Return every hypothesis, with its prior weight."""
        rows = list(product(STDS.tolist(), SHARES, HOURS_S))
        variance = np.array([std**2 for std, _, _ in rows])
        shares = np.array([share for _, share, _ in rows])
        deviation = np.log(np.array([std for std, _, _ in rows]) / PRIOR_STD) / PRIOR_STD_SPREAD
        return cls(
            session=variance * shares[:, 0],
            hours=variance * shares[:, 1],
            days=variance * shares[:, 2],
            hours_s=np.array([time_s for _, _, time_s in rows]),
            log_weights=-0.5 * deviation**2,
        )

    def covariance(self, gaps_s: Floats) -> Floats:
        """Return covariances (k, *gaps) over time gaps in s, without the part of each session."""
        expand = (slice(None), *(None,) * gaps_s.ndim)
        fast = self.hours[expand] * np.exp(-gaps_s / self.hours_s[expand])
        covariance: Floats = fast + self.days[expand] * np.exp(-gaps_s / DAYS_S)
        return covariance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Log drift at one time: a mixture of k normal distributions; arrays have shape (k,)."""

    weights: Floats
    means: Floats
    variances: Floats

    @property
    def mean(self) -> float:
        return float(self.weights @ self.means)

    @property
    def std(self) -> float:
        """Standard deviation of the mixture."""
        second = self.weights @ (self.variances + self.means**2)
        return float(np.sqrt(second - self.mean**2))

    def quantiles(self, probability: float, extra_std: Floats) -> Floats:
        """Return quantiles (n,) of log drift plus an independent normal error.

        The standard deviation of the error is `extra_std` (n,).
        """
        from scipy.special import ndtr

        variances = self.variances[:, None] + np.asarray(extra_std)[None, :] ** 2
        stds = np.sqrt(np.maximum(variances, _LEAST_VARIANCE))
        low = np.min(self.means) - 12 * np.max(stds, axis=0)
        high = np.max(self.means) + 12 * np.max(stds, axis=0)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = self.weights @ ndtr((middle - self.means[:, None]) / stds) < probability
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        quantiles: Floats = (low + high) / 2
        return quantiles


_LEAST_VARIANCE = 1e-18  # without uncertainty, the quantile is the mean
_HALVINGS = 50  # of an interval of a few units: far more precise than any figure shown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedHypotheses:
    """Hypotheses weighted by the log drift of sessions.

    Attributes:
        hypotheses: the grid, k of them.
        times_s: (s,), of the sessions.
        weights: (k,), 1 in all.
        process: of the sessions' drift, under each hypothesis.
        solved: (k, s), weights of the sessions in a posterior mean.
    """

    hypotheses: Hypotheses
    times_s: Floats
    weights: Floats
    process: GaussianProcess
    solved: Floats

    @classmethod
    def fit(cls, times_s: Floats, log_drift: Floats) -> "WeightedHypotheses":
        """Weight the prior's hypotheses by the likelihood of the log drift (s,) of sessions."""
        hypotheses = Hypotheses.prior()
        gaps_s = np.abs(times_s[:, None] - times_s[None, :])
        covariances = hypotheses.covariance(gaps_s) + MEAN_VARIANCE
        process = GaussianProcess.of(covariances, hypotheses.session[:, None])
        logs = hypotheses.log_weights + process.log_likelihood(log_drift)
        weights = np.exp(logs - logs.max())
        return cls(
            hypotheses=hypotheses,
            times_s=times_s,
            weights=weights / weights.sum(),
            process=process,
            solved=process.weights(log_drift),
        )

    def mean(self) -> Forecast:
        """Return the forecast of the mean over sessions."""
        shared = np.full((len(self.weights), len(self.times_s)), MEAN_VARIANCE)
        return self._forecast(shared, np.full(len(self.weights), MEAN_VARIANCE))

    def at(self, time_s: float) -> Forecast:
        """Return the forecast of the drift of a session at a time."""
        hypotheses = self.hypotheses
        shared = hypotheses.covariance(np.abs(time_s - self.times_s)) + MEAN_VARIANCE
        variance = hypotheses.session + hypotheses.hours + hypotheses.days + MEAN_VARIANCE
        return self._forecast(shared, variance)

    def variance_at_gap(self, gap_s: float) -> float:
        """Return the variance of the log ratio of two sessions so far apart."""
        hypotheses = self.hypotheses
        shared = hypotheses.covariance(np.array([gap_s]))[:, 0]
        variance = hypotheses.session + hypotheses.hours + hypotheses.days
        return float(self.weights @ (2 * (variance - shared)))

    def _forecast(self, shared: Floats, variance: Floats) -> Forecast:
        """Condition on the sessions: covariances with them (k, s), prior variances (k,)."""
        means = np.einsum("ks,ks->k", shared, self.solved)
        variances = self.process.variances(shared[:, None, :], variance[:, None])[:, 0]
        return Forecast(weights=self.weights, means=means, variances=variances)
