"""`DriftModel`: forecast of the drift in later sessions, and the scatter of networks."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import DriftLog
from latency_models.drift.process import Forecast, WeightedHypotheses

Floats = NDArray[np.float64]

# Scatter of one network's latency between sessions about the common drift: the prior's relative
# standard deviation, and the number of measurements that the prior counts as
# (docs/explanation/drift.md).
PRIOR_SCATTER, PRIOR_SCATTER_COUNT = 0.015, 6.0
# The computing time grows with the cube of these.
MOST_SESSIONS, MOST_STRETCHES = 100, 30


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftModel:
    """Drift and scatter between sessions, from a log and the prior; from the prior without a log.

    Log drift is relative to the sweep, as in `DriftLog.log_drift`. `scatter` is the relative
    standard deviation of one network about the common drift, `scatter_freedom` its degrees of
    freedom.
    """

    log: DriftLog | None
    scatter: float
    scatter_freedom: float

    @classmethod
    @lru_cache(maxsize=8)  # several limits share one log, and weighting takes long
    def of(cls, log: DriftLog | None) -> "DriftModel":
        """Return the model of a log, or the prior without one."""
        squares, freedom = (0.0, 0) if log is None else _scatter(log)
        return cls(
            log=log,
            scatter=float(
                np.sqrt(
                    (PRIOR_SCATTER_COUNT * PRIOR_SCATTER**2 + squares)
                    / (PRIOR_SCATTER_COUNT + freedom)
                )
            ),
            scatter_freedom=PRIOR_SCATTER_COUNT + freedom,
        )

    @property
    def sessions(self) -> int:
        """Number of known sessions, including the sweep's."""
        return 1 if self.log is None else len(self.log.sessions)

    @property
    def span_s(self) -> float:
        """Time in s from the start of the first session to the start of the last."""
        return 0.0 if self.log is None else float(self.log.times_s[-1] - self.log.times_s[0])

    @cached_property
    def log_mean(self) -> float:
        """Log of the mean latency over sessions, relative to the sweep's latencies.

        0 where only the sweep's session is known: its stretches show drift within it, not between
        sessions.
        """
        return self._weighted.mean().mean if self.sessions > 1 else 0.0

    def forecast(self, horizon_s: float) -> Forecast:
        """Return the log drift `horizon_s` after the last session, about the mean over sessions.

        For a sweep without later sessions, the horizon starts at its last stretch.
        """
        forecast = self._weighted.at(float(self._weighted.times_s.max()) + horizon_s)
        return replace(forecast, means=forecast.means - self.log_mean)

    def variance_at_gap(self, gap_s: float) -> float:
        """Return the variance of the log ratio of two sessions `gap_s` seconds apart."""
        return self._weighted.variance_at_gap(gap_s)

    @cached_property
    def _weighted(self) -> WeightedHypotheses:
        if self.log is None:
            return WeightedHypotheses.fit(np.zeros(1), np.zeros(1))
        return WeightedHypotheses.fit(*observed_log_drift(self.log))


def observed_log_drift(log: DriftLog) -> tuple[Floats, Floats]:
    """Return times in s and log drift, both (n,): stretches of the sweep, then later sessions.

    Stretches are about as long as sessions, so the same process describes both.
    """
    stretches = log.stretches
    if len(stretches) > MOST_STRETCHES:
        indices = np.linspace(0, len(stretches) - 1, MOST_STRETCHES).round().astype(int)
        stretches = tuple(stretches[index] for index in indices.tolist())
    stretch_s = np.array([stretch.unix_s for stretch in log.stretches])
    ends_s = np.append(log.times_s[1:], np.inf)
    # A session that has stretches is represented by them.
    later = [
        not np.any((stretch_s >= begun_s) & (stretch_s < end_s))
        for begun_s, end_s in zip(log.times_s, ends_s, strict=True)
    ]
    recent = slice(-MOST_SESSIONS, None)
    times_s = np.concatenate(
        [[stretch.unix_s for stretch in stretches], log.times_s[later][recent]]
    )
    drift = np.concatenate(
        [[stretch.log_drift for stretch in stretches], log.log_drift[later][recent]]
    )
    return times_s, drift


def _scatter(log: DriftLog) -> tuple[float, int]:
    """Return the sum of squared residuals of anchors about the drift, and its freedom."""
    residuals = log.log_ratios - log.log_drift[:, None]
    residuals = residuals - residuals.mean(axis=0)
    sessions, anchors = residuals.shape
    return float((residuals**2).sum()), (sessions - 1) * (anchors - 1)
