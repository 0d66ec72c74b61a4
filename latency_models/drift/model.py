"""`DriftModel`: forecast of later sessions from a drift log, and scatter of networks."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import DriftLog
from latency_models.drift.process import Forecast, Weighed

Floats = NDArray[np.float64]

# What a network's latency differs by from one session to another beside the drift of all, relative
# standard deviation: the prior, and how many measurements it is worth (docs/drift.md).
USUAL_SCATTER, SCATTER_WORTH = 0.015, 6.0
# The model's work grows with the cube of them.
MOST_SESSIONS, MOST_STRETCHES = 100, 30


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
    @lru_cache(maxsize=8)  # many limits are of one log, whose weighing takes a while
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
        """Time from the start of the first session to that of the last."""
        return 0.0 if self.log is None else float(self.log.times_s[-1] - self.log.times_s[0])

    @cached_property
    def log_mean(self) -> float:
        """Log of the mean over sessions over the sweep's own latencies.

        0 where no other session is known: its stretches say how restless it was, no more.
        """
        return self._weighed.mean().mean if self.sessions > 1 else 0.0

    def forecast(self, horizon_s: float) -> Forecast:
        """Log drift of a session so long after the last one, about the mean over sessions.

        Of a sweep, the last is its last stretch.
        """
        found = self._weighed.at(float(self._weighed.times_s.max()) + horizon_s)
        return replace(found, means=found.means - self.log_mean)

    def variance_at_gap(self, gap_s: float) -> float:
        """Variance of the log ratio of two sessions so far apart."""
        return self._weighed.variance_at_gap(gap_s)

    @property
    def observed_log_drift(self) -> Floats:
        """Log drift of what the model knows: stretches of the sweep, then later sessions."""
        return np.zeros(0) if self.log is None else _observed(self.log)[1]

    @cached_property
    def _weighed(self) -> Weighed:
        if self.log is None:
            return Weighed.by(np.zeros(1), np.zeros(1))
        return Weighed.by(*_observed(self.log))


def _observed(log: DriftLog) -> tuple[Floats, Floats]:
    """Times in s and log drift (n,): of the sweep its stretches, of later sessions each one.

    Stretches are about as long as sessions, and so the parts of the drift are the same in them.
    """
    stretches = log.stretches
    if len(stretches) > MOST_STRETCHES:
        kept = np.linspace(0, len(stretches) - 1, MOST_STRETCHES).round().astype(int)
        stretches = tuple(stretches[place] for place in kept.tolist())
    own_s = np.array([one.unix_s for one in log.stretches])
    ends_s = np.append(log.times_s[1:], np.inf)
    # A session of which there are stretches is known by them.
    later = [
        not np.any((own_s >= begun_s) & (own_s < end_s))
        for begun_s, end_s in zip(log.times_s, ends_s, strict=True)
    ]
    recent = slice(-MOST_SESSIONS, None)
    times_s = np.concatenate([[one.unix_s for one in stretches], log.times_s[later][recent]])
    drift = np.concatenate([[one.log_drift for one in stretches], log.log_drift[later][recent]])
    return times_s, drift


def _scatter(log: DriftLog) -> tuple[float, int]:
    """Sum of squares of what anchors moved by beside the drift of all, and its freedom."""
    rest = log.log_ratios - log.log_drift[:, None]
    rest = rest - rest.mean(axis=0)
    sessions, anchors = rest.shape
    return float((rest**2).sum()), (sessions - 1) * (anchors - 1)
