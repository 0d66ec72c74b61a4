"""Drift of a stretch of measuring, estimated from the anchor networks measured in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, AnchorSession, DriftLog
from bench.drift.session_gap import by_session
from bench.errors import DeviceError
from bench.protocol.clock import unix_s
from latency_models.drift.model import SCATTER_WORTH, USUAL_SCATTER

Floats = NDArray[np.float64]
_OF_MEDIAN = math.sqrt(math.pi / 2)  # its standard error over the mean's


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorDrift:
    """How much slower anchors are now than in the sweep: `ratio`, the median over `anchors`.

    `error` is its relative standard error, `disagreement` the largest ratio over the smallest,
    less 1.
    """

    ratio: float
    error: float
    anchors: int
    disagreement: float

    @classmethod
    def of(cls, then_ms: Floats, now_ms: Floats) -> "AnchorDrift":
        """By latencies of the same anchors, (anchors,), NaN for those that did not run.

        `DeviceError` where none ran.
        """
        logs = np.log(now_ms / then_ms)
        logs = logs[np.isfinite(logs)]
        if not len(logs):
            raise DeviceError(
                "none of the predictor's anchor networks runs on the device any more, so sessions "
                "cannot be compared: sweep networks again and fit on them"
            )
        middle = float(np.median(logs))
        squares = SCATTER_WORTH * USUAL_SCATTER**2 + float(np.sum((logs - middle) ** 2))
        scatter = math.sqrt(squares / (SCATTER_WORTH + len(logs) - 1))
        return cls(
            ratio=math.exp(middle),
            error=scatter * (_OF_MEDIAN if len(logs) > 2 else 1.0) / math.sqrt(len(logs)),
            anchors=len(logs),
            disagreement=math.expm1(float(logs.max() - logs.min())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTimes:
    """Latencies of the anchors in one stretch, ms as measured, and when it was (ISO 8601).

    `forced` where others used the device meanwhile.
    """

    started_at: str
    ended_at: str
    ms: tuple[float, ...]
    forced: bool = False


def sessions_of(stretches: Sequence[AnchorTimes]) -> list[AnchorSession]:
    """Put stretches, in the order of measuring, together to measurement sessions.

    Those that begin less than `SESSION_GAP_S` after the end of the one before are of one session,
    which has their geometric mean; those in which an anchor did not run are left out.
    """
    whole = [one for one in stretches if all(math.isfinite(ms) for ms in one.ms)]
    groups = by_session(whole, lambda one: (unix_s(one.started_at), unix_s(one.ended_at)))
    return [
        AnchorSession(
            started_at=group[0].started_at,
            ms=tuple(np.exp(np.mean(np.log([one.ms for one in group]), axis=0)).tolist()),
            forced=any(one.forced for one in group),
        )
        for group in groups
    ]


def with_sessions(
    log: DriftLog | None, anchors: Sequence[Anchor], sessions: Sequence[AnchorSession]
) -> DriftLog | None:
    """Return the log with more sessions of its anchors; a new one where there is none.

    None where there are no sessions at all.
    """
    if log is None:
        return DriftLog(anchors=tuple(anchors), sessions=tuple(sessions)) if sessions else None
    return replace(log, sessions=(*log.sessions, *sessions))
