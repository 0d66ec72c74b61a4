"""Drift of a stretch of measuring by its anchors, and stretches as measurement sessions."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.drift.log import Anchor, AnchorSession, DriftLog, Stretch
from bench.errors import DeviceError
from latency_models.drift.anchor_drift import AnchorDrift, AnchorTimes, sessions_of, with_sessions

BLOCK = BlockSpec(kind="classifier", in_size=1, in_channels=8, out_channels=4)


def test_drift_is_the_median_over_anchors() -> None:
    drift = AnchorDrift.of(np.array([1.0, 2.0, 4.0]), np.array([1.1, 2.2, 4.8]))

    assert drift.ratio == pytest.approx(1.1)
    assert drift.anchors == 3
    assert drift.disagreement == pytest.approx(1.2 / 1.1 - 1)
    # Their logs are 0, 0 and log(1.2 / 1.1) off the median; the prior counts as 6 of 1.5 %.
    squares = 6 * 0.015**2 + math.log(1.2 / 1.1) ** 2
    scatter = math.sqrt(squares / (6 + 2))
    assert drift.error == pytest.approx(scatter * math.sqrt(math.pi / 2) / math.sqrt(3))


def test_anchors_that_do_not_run_are_left_out() -> None:
    drift = AnchorDrift.of(np.array([1.0, 2.0, 4.0]), np.array([math.nan, 2.2, math.nan]))

    assert drift.ratio == pytest.approx(1.1)
    assert drift.anchors == 1
    assert drift.error == pytest.approx(0.015)
    with pytest.raises(DeviceError, match="none of the predictor's anchor networks runs"):
        AnchorDrift.of(np.array([1.0]), np.array([math.nan]))


def stretch(start: str, end: str, *ms: float) -> AnchorTimes:
    day = "2026-01-01T"
    return AnchorTimes(started_at=f"{day}{start}+00:00", ended_at=f"{day}{end}+00:00", ms=ms)


def test_stretches_less_than_five_minutes_apart_are_one_session() -> None:
    sessions = sessions_of(
        [
            stretch("10:00:00", "10:01:00", 1.0, 4.0),
            stretch("10:05:59", "10:07:00", 4.0, 4.0),
            stretch("10:12:00", "10:13:00", 3.0, 5.0),
            stretch("11:12:00", "11:13:00", 3.0, math.nan),
        ]
    )

    assert [session.started_at for session in sessions] == [
        "2026-01-01T10:00:00+00:00",
        "2026-01-01T10:12:00+00:00",
    ]
    assert sessions[0].ms == pytest.approx((2.0, 4.0))
    assert sessions[1].ms == pytest.approx((3.0, 5.0))


def test_a_session_is_forced_where_a_part_of_it_was() -> None:
    first = stretch("10:00:00", "10:01:00", 1.0)
    later = stretch("10:02:00", "10:03:00", 1.0)

    assert not sessions_of([first, later])[0].forced
    assert sessions_of([first, replace(later, forced=True)])[0].forced


def test_a_clock_that_went_back_makes_no_session() -> None:
    sessions = sessions_of(
        [stretch("10:00:00", "10:01:00", 1.0), stretch("09:00:00", "09:01:00", 1.0)]
    )

    assert len(sessions) == 1


def test_sessions_join_the_log_or_make_one() -> None:
    anchor = Anchor(blocks=(BLOCK,), label="a", ms=1.0)
    first = AnchorSession(started_at="2026-01-01T09:00:00+00:00", ms=(1.0,))
    (later,) = sessions_of([stretch("10:00:00", "10:01:00", 1.1)])
    part = Stretch(started_at="2026-01-01T09:00:00+00:00", log_drift=0.01)
    log = DriftLog(anchors=(anchor,), sessions=(first,), stretches=(part,))

    assert with_sessions(log, [], [later]) == DriftLog(
        anchors=(anchor,), sessions=(first, later), stretches=(part,)
    )
    assert with_sessions(None, [anchor], [later]) == DriftLog(anchors=(anchor,), sessions=(later,))
    assert with_sessions(None, [anchor], []) is None
