"""Grouping of spans of time into measurement sessions."""

import pytest

from bench.drift.session_gap import Span, by_session


@pytest.mark.parametrize(
    ("spans", "sessions"),
    [
        ([], []),
        ([(0, 10), (309, 400), (700, 710)], [2, 1]),  # 299 s, then 300 s
        ([(0, 1000), (10, 20), (1200, 1300)], [3]),  # the gap is to the latest end so far
        ([(1000, 1100), (0, 10)], [2]),  # the clock was set back
    ],
)
def test_sessions_are_separated_by_gaps_of_five_minutes(
    spans: list[Span], sessions: list[int]
) -> None:
    result = by_session(spans, lambda span: span)

    assert [len(session) for session in result] == sessions
    assert [span for session in result for span in session] == spans
