"""Drift logs for tests: three anchors of 10, 20 and 40 ms, and any sessions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.drift.log import Anchor, AnchorSession, DriftLog
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
_ARCHS = (TINY.smallest(24), TINY.smallest(32), TINY.largest(32))
ANCHORS = tuple(
    Anchor(blocks=TINY.blocks(arch), label=TINY.to_line(arch), ms=ms)
    for arch, ms in zip(_ARCHS, (10.0, 20.0, 40.0), strict=True)
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> str:
    """Return the time `seconds` after the start."""
    return (START + timedelta(seconds=seconds)).isoformat()


def log_of(
    sessions: Sequence[tuple[float, Sequence[float]]], anchors: tuple[Anchor, ...] = ANCHORS
) -> DriftLog:
    """Return a log of sessions, each with seconds after the start and anchors' latencies in ms."""
    return DriftLog(
        anchors=anchors,
        sessions=tuple(
            AnchorSession(started_at=after(after_s), ms=tuple(ms)) for after_s, ms in sessions
        ),
    )


def drifting(ratios: Sequence[float], every_s: float) -> DriftLog:
    """Return a log with a session every `every_s`, with latencies relative to the sweep."""
    return log_of(
        [(place * every_s, [a.ms * ratio for a in ANCHORS]) for place, ratio in enumerate(ratios)]
    )
