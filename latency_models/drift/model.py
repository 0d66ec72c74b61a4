"""`DriftModel`: what a drift log says of sessions to come, and of what networks scatter by."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import DriftLog
from latency_models.drift.process import Forecast, Weighed

Floats = NDArray[np.float64]

# What a network's latency differs by from one session to another beside the drift of all, relative
# standard deviation: the prior, and how many measurements it is worth (docs/drift.md).
USUAL_SCATTER, SCATTER_WORTH = 0.015, 6.0
MOST_SESSIONS = 120  # the model's work grows with their cube


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftModel:
    """Drift and scatter between sessions, by a log and the prior; by the prior where it is None.

    Log drift is that of `DriftLog.log_drift`, since the sweep. `scatter` is the relative standard
    deviation of one network about the drift of all, `scatter_freedom` its degrees of freedom.
    """

    log: DriftLog | None
    scatter: float
    scatter_freedom: float

    @classmethod
    def of(cls, log: DriftLog | None) -> "DriftModel":
        """The model of a log."""
        squares, freedom = (0.0, 0) if log is None else _scatter(log)
        return cls(
            log=log,
            scatter=float(
                np.sqrt((SCATTER_WORTH * USUAL_SCATTER**2 + squares) / (SCATTER_WORTH + freedom))
            ),
            scatter_freedom=SCATTER_WORTH + freedom,
        )

    @property
    def sessions(self) -> int:
        """How many sessions are known, the sweep's own among them."""
        return 1 if self.log is None else len(self.log.sessions)

    @property
    def span_s(self) -> float:
        """Time from the first session to the last."""
        return float(self._weighed.times_s[-1] - self._weighed.times_s[0])

    @cached_property
    def log_mean(self) -> float:
        """Log of the mean over sessions over the sweep's own latencies."""
        return self._weighed.mean().mean

    def forecast(self, horizon_s: float) -> Forecast:
        """Log drift of a session so long after the last one, about the mean over sessions."""
        found = self._weighed.at(float(self._weighed.times_s[-1]) + horizon_s)
        return replace(found, means=found.means - self.log_mean)

    def variance_at_gap(self, gap_s: float) -> float:
        """Variance of the log ratio of two sessions so far apart."""
        return self._weighed.variance_at_gap(gap_s)

    @cached_property
    def _weighed(self) -> Weighed:
        if self.log is None:
            return Weighed.by(np.zeros(1), np.zeros(1))
        recent = slice(-MOST_SESSIONS, None)
        return Weighed.by(self.log.times_s[recent], self.log.log_drift[recent])


def _scatter(log: DriftLog) -> tuple[float, int]:
    """Sum of squares of what anchors moved by beside the drift of all, and its freedom."""
    rest = log.log_ratios - log.log_drift[:, None]
    rest = rest - rest.mean(axis=0)
    sessions, anchors = rest.shape
    return float((rest**2).sum()), (sessions - 1) * (anchors - 1)
