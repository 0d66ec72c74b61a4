"""Drift of a period of measuring, estimated from the anchor networks measured in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, AnchorSession, DriftLog
from bench.drift.session_gap import by_session
from bench.errors import DeviceError
from bench.protocol.clock import unix_s
from latency_models.drift.model import PRIOR_SCATTER, PRIOR_SCATTER_COUNT

Floats = NDArray[np.float64]
_OF_MEDIAN = math.sqrt(math.pi / 2)  # standard error of a median over that of the mean


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorDrift:
    """Drift of the anchors since the sweep: `ratio` (1.02: 2 % slower), the median over `anchors`.

    `error` is its relative standard error, `disagreement` the largest ratio over the smallest,
    minus 1.
    """

    ratio: float
    error: float
    anchors: int
    disagreement: float

    @classmethod
    def of(cls, then_ms: Floats, now_ms: Floats) -> "AnchorDrift":
        """Return the drift between two series of latencies of the same anchors.

        Arguments have shape (anchors,); NaN stands for an anchor that did not run. Raises
        `DeviceError` where none ran.
        """
        logs = np.log(now_ms / then_ms)
        logs = logs[np.isfinite(logs)]
        if not len(logs):
            raise DeviceError(
                "none of the predictor's anchor networks runs on the device any more, so sessions "
                "cannot be compared: sweep networks again and fit on them"
            )
        median = float(np.median(logs))
        squares = PRIOR_SCATTER_COUNT * PRIOR_SCATTER**2 + float(np.sum((logs - median) ** 2))
        scatter = math.sqrt(squares / (PRIOR_SCATTER_COUNT + len(logs) - 1))
        return cls(
            ratio=math.exp(median),
            error=scatter * (_OF_MEDIAN if len(logs) > 2 else 1.0) / math.sqrt(len(logs)),
            anchors=len(logs),
            disagreement=math.expm1(float(logs.max() - logs.min())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTimes:
    """Latencies of the anchors in one period of measuring, in ms as measured, with its times.

    `started_at` and `ended_at` are in ISO 8601.

    `forced`: another program used the device meanwhile.
    """

    started_at: str
    ended_at: str
    ms: tuple[float, ...]
    forced: bool = False


def sessions_of(periods: Sequence[AnchorTimes]) -> list[AnchorSession]:
    """Merge periods of measuring, in the order of time, into measurement sessions.

    Periods that begin less than `SESSION_GAP_S` after the end of the previous one belong to one
    session, which gets their geometric mean. Periods in which an anchor did not run are skipped.
    """
    complete = [period for period in periods if all(math.isfinite(ms) for ms in period.ms)]
    groups = by_session(
        complete, lambda period: (unix_s(period.started_at), unix_s(period.ended_at))
    )
    return [
        AnchorSession(
            started_at=group[0].started_at,
            ms=tuple(np.exp(np.mean(np.log([period.ms for period in group]), axis=0)).tolist()),
            forced=any(period.forced for period in group),
        )
        for group in groups
    ]


def with_sessions(
    log: DriftLog | None, anchors: Sequence[Anchor], sessions: Sequence[AnchorSession]
) -> DriftLog | None:
    """Return the log with more sessions of its anchors, or a new log where there is none.

    Returns None where there is neither a log nor a session.
    """
    if log is None:
        return DriftLog(anchors=tuple(anchors), sessions=tuple(sessions)) if sessions else None
    return replace(log, sessions=(*log.sessions, *sessions))
