"""Drift between sessions as a random process: hypotheses, weighted by the drift log.

The log of the drift at a time is a mean, a part that is forgotten within minutes or hours, a part
that is forgotten within days (both Ornstein-Uhlenbeck processes, of covariance exp(-gap / time)),
and a part that is another in every session. How large they are, and how fast the first is
forgotten, is not known: a grid of hypotheses stands for it, with the prior below. Three sessions
within half an hour say little of the next day, and the weights of the hypotheses say so.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Standard deviation of the log drift over days. The prior is log-normal about `USUAL_STD`: see
# docs/drift.md for the logs that it was chosen from.
STDS = np.geomspace(0.004, 0.4, 14)
USUAL_STD, STD_SPREAD = 0.11, 0.8
# Shares of the variance: another in every session, forgotten within hours, within days.
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
MEAN_VARIANCE = 1.0  # of the mean, before any session: next to nothing is known of it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hypotheses:
    """The grid, one hypothesis an entry: variances of the three parts (k,), times in s (k,)."""

    session: Floats
    hours: Floats
    days: Floats
    hours_s: Floats
    log_weights: Floats

    @classmethod
    def prior(cls) -> "Hypotheses":
        """Every hypothesis, with its weight before anything is measured."""
        rows = list(product(STDS.tolist(), SHARES, HOURS_S))
        variance = np.array([std**2 for std, _, _ in rows])
        shares = np.array([share for _, share, _ in rows])
        off = np.log(np.array([std for std, _, _ in rows]) / USUAL_STD) / STD_SPREAD
        return cls(
            session=variance * shares[:, 0],
            hours=variance * shares[:, 1],
            days=variance * shares[:, 2],
            hours_s=np.array([time_s for _, _, time_s in rows]),
            log_weights=-0.5 * off**2,
        )

    def covariance(self, gaps_s: Floats) -> Floats:
        """Covariance of the drift at two times so far apart, (k, *gaps); the session's part not."""
        expand = (slice(None), *(None,) * gaps_s.ndim)
        fast = self.hours[expand] * np.exp(-gaps_s / self.hours_s[expand])
        found: Floats = fast + self.days[expand] * np.exp(-gaps_s / DAYS_S)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Log drift at one time: a mixture of normal distributions, (k,) each."""

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
        """Log drift and an independent normal error beside it stay below these, (n,).

        `extra_std` (n,) is the standard deviation of the error.
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
        found: Floats = (low + high) / 2
        return found


_LEAST_VARIANCE = 1e-18  # where nothing is uncertain, the quantile is the mean
_HALVINGS = 50  # of an interval of a few units: far below any figure shown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """Hypotheses weighed by the drift (s,) of sessions at times in s (s,)."""

    hypotheses: Hypotheses
    times_s: Floats
    weights: Floats  # (k,), 1 in all
    factors: Floats  # Cholesky factors of the sessions' covariance, (k, s, s)
    solved: Floats  # covariance^-1 @ drift, (k, s)

    @classmethod
    def by(cls, times_s: Floats, log_drift: Floats) -> "Weighed":
        """Weigh the prior's hypotheses by how likely each makes the drift of the sessions."""
        hypotheses = Hypotheses.prior()
        gaps_s = np.abs(times_s[:, None] - times_s[None, :])
        covariance = hypotheses.covariance(gaps_s) + MEAN_VARIANCE
        covariance += hypotheses.session[:, None, None] * np.eye(len(times_s))
        factors = np.linalg.cholesky(covariance)
        solved = np.linalg.solve(
            covariance, np.broadcast_to(log_drift, factors.shape[:2])[..., None]
        )
        solved = solved[..., 0]
        log_det = 2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        logs = hypotheses.log_weights - 0.5 * (solved @ log_drift + log_det)
        weights = np.exp(logs - logs.max())
        return cls(
            hypotheses=hypotheses,
            times_s=times_s,
            weights=weights / weights.sum(),
            factors=np.asarray(factors, dtype=np.float64),
            solved=np.asarray(solved, dtype=np.float64),
        )

    def mean(self) -> Forecast:
        """What is known of the mean over sessions."""
        shared = np.full((len(self.weights), len(self.times_s)), MEAN_VARIANCE)
        return self._forecast(shared, np.full(len(self.weights), MEAN_VARIANCE))

    def at(self, time_s: float) -> Forecast:
        """What is known of the drift of a session at a time."""
        parts = self.hypotheses
        shared = parts.covariance(np.abs(time_s - self.times_s)) + MEAN_VARIANCE
        own = parts.session + parts.hours + parts.days + MEAN_VARIANCE
        return self._forecast(shared, own)

    def variance_at_gap(self, gap_s: float) -> float:
        """Variance of the log ratio of two sessions so far apart."""
        parts = self.hypotheses
        shared = parts.covariance(np.array([gap_s]))[:, 0]
        own = parts.session + parts.hours + parts.days
        return float(self.weights @ (2 * (own - shared)))

    def _forecast(self, shared: Floats, own: Floats) -> Forecast:
        """Condition on the sessions: covariances with them (k, s), `own` variances (k,)."""
        means = np.einsum("ks,ks->k", shared, self.solved)
        half = np.linalg.solve(self.factors, shared[..., None])[..., 0]
        variances = np.maximum(own - np.einsum("ks,ks->k", half, half), 0.0)
        return Forecast(weights=self.weights, means=means, variances=variances)
