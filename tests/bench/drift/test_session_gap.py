"""What is of one measurement session."""

import pytest

from bench.drift.session_gap import Span, by_session


@pytest.mark.parametrize(
    ("spans", "sessions"),
    [
        ([], []),
        ([(0, 10), (309, 400), (700, 710)], [2, 1]),  # 299 s, then 300 s
        ([(0, 1000), (10, 20), (1200, 1300)], [3]),  # after the end of all before, not of the last
        ([(1000, 1100), (0, 10)], [2]),  # by a clock that was set back
    ],
)
def test_gaps_of_five_minutes_part_sessions(spans: list[Span], sessions: list[int]) -> None:
    result = by_session(spans, lambda span: span)

    assert [len(one) for one in result] == sessions
    assert [span for one in result for span in one] == spans
