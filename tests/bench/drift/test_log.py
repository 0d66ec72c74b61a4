"""A drift log: latencies of anchors in each session, and the drift estimated from them."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.drift.log import Anchor, AnchorSession, DriftLog, Stretch, choose_anchors
from bench.errors import InputError
from tests.support.drift_logs import ANCHORS, after, log_of


def test_the_drift_of_a_session_is_the_median_over_its_anchors() -> None:
    log = log_of([(0, (10.0, 20.0, 40.0)), (600, (11.0, 20.0, 48.0))])

    np.testing.assert_allclose(log.log_ratios[1], np.log([1.1, 1.0, 1.2]), atol=1e-12)
    np.testing.assert_allclose(log.log_drift, [0.0, math.log(1.1)], atol=1e-12)
    assert (log.times_s - log.times_s[0]).tolist() == [0.0, 600.0]


def test_sessions_are_sorted_by_time() -> None:
    log = log_of([(600, (11.0, 22.0, 44.0)), (0, (10.0, 20.0, 40.0))])

    assert [session.ms[0] for session in log.sessions] == [10.0, 11.0]


def test_a_time_without_an_offset_is_utc() -> None:
    times = [
        AnchorSession(started_at=text, ms=(1.0,)).unix_s
        for text in (
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T01:00:00+01:00",
        )
    ]

    assert times == [1767225600.0] * 3


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.tuples(*[st.floats(1e-6, 1e6, allow_nan=False)] * 3)),
        min_size=1,
        max_size=5,
    )
)
def test_a_log_survives_json(sessions: list[tuple[int, tuple[float, ...]]]) -> None:
    log = log_of(sessions)

    assert DriftLog.from_json(log.to_json()) == log


def test_stretches_are_sorted_by_time() -> None:
    log = log_of([(0, (10.0, 20.0, 40.0))])
    late, early = (
        Stretch(started_at=after(after_s), log_drift=drift)
        for after_s, drift in ((60, 0.1), (0, -0.1))
    )

    log = replace(log, stretches=(late, early))

    assert log.stretches == (early, late)
    assert DriftLog.from_json(log.to_json()) == log
    older = {name: value for name, value in log.to_json().items() if name != "stretches"}
    assert DriftLog.from_json(older).stretches == ()
    with pytest.raises(InputError, match="a stretch is a number"):
        replace(log, stretches=(Stretch(started_at=after(0), log_drift=math.nan),))


@pytest.mark.parametrize(
    ("anchors", "sessions", "message"),
    [
        ((), [(0, ())], "at least one anchor and one session"),
        (ANCHORS, [], "at least one anchor and one session"),
        (ANCHORS, [(0, (1.0, 2.0))], "has 2 latencies, expected 3"),
        (ANCHORS, [(0, (1.0, 2.0, 0.0))], "above 0 ms"),
        (ANCHORS, [(0, (1.0, 2.0, math.inf))], "above 0 ms"),
    ],
)
def test_an_invalid_log_is_refused(
    anchors: tuple[Anchor, ...], sessions: list[tuple[int, Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        log_of(sessions, anchors)


@pytest.mark.parametrize(
    ("latencies_ms", "count", "chosen"),
    [
        ([5.0, 1.0, 3.0, 2.0, 4.0], 3, [1, 2, 0]),  # fastest, middle, slowest
        ([5.0, 1.0], 5, [1, 0]),
        ([7.0], 5, [0]),
        ([], 5, []),
    ],
)
def test_anchors_are_spread_over_the_range_of_latencies(
    latencies_ms: list[float], count: int, chosen: list[int]
) -> None:
    assert choose_anchors(latencies_ms, count) == chosen
