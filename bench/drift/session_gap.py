"""The gap between measurement sessions, and which stretches belong to one session."""

from collections.abc import Callable, Iterable
from typing import TypeVar

SESSION_GAP_S = 300.0  # from the end of one to the start of the next

T = TypeVar("T")
Span = tuple[float, float]  # begin and end, in seconds since 1970


def by_session(parts: Iterable[T], span_of: Callable[[T], Span]) -> list[list[T]]:
    """Group parts of measuring, given in their order, by measurement session.

    A part that begins less than `SESSION_GAP_S` after the end of all earlier ones belongs to their
    session; so does a part that seems earlier because the clock was set back.
    """
    sessions: list[list[T]] = []
    ended_s = 0.0
    for part in parts:
        begun_s, part_ended_s = span_of(part)
        if sessions and begun_s - ended_s < SESSION_GAP_S:
            sessions[-1].append(part)
            ended_s = max(ended_s, part_ended_s)
        else:
            sessions.append([part])
            ended_s = part_ended_s
    return sessions
