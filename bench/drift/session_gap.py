"""The gap between measurement sessions, and which stretches belong to one session."""

from collections.abc import Callable, Iterable
from typing import TypeVar

SESSION_GAP_S = 300.0  # from the end of one to the start of the next

T = TypeVar("T")
Span = tuple[float, float]  # began and ended, seconds since 1970


def by_session(parts: Iterable[T], span_of: Callable[[T], Span]) -> list[list[T]]:
    """Put parts of measuring, in their order, together by measurement session.

    Those that begin less than `SESSION_GAP_S` after the end of all before them are of one session:
    so is one that a clock which was set back dates before them.
    """
    sessions: list[list[T]] = []
    ended_s = 0.0
    for part in parts:
        begun_s, end_s = span_of(part)
        if sessions and begun_s - ended_s < SESSION_GAP_S:
            sessions[-1].append(part)
            ended_s = max(ended_s, end_s)
        else:
            sessions.append([part])
            ended_s = end_s
    return sessions
