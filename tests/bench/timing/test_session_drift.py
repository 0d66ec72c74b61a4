"""Drift between two sessions: its estimates, and when they agree enough to correct by."""

from typing import Any

import numpy as np
import pytest

from bench.timing.session_drift import (
    SessionDrift,
    drift_by_length,
    drift_by_references,
    drift_in_words,
)

THEN = np.array([5.0, 1.0, 2.0, 6.0, 3.0, 4.0])


def test_thirds_by_length_have_estimates_of_their_own() -> None:
    """Sorted by length the ratios are 1.1, 1.2 | 1.2, 1.3 | 1.3, 1.5: medians in logarithms."""
    now = THEN * np.array([1.3, 1.1, 1.2, 1.5, 1.2, 1.3])

    drift = drift_by_length("blocks", THEN, now)

    assert drift is not None
    assert (drift.source, drift.workloads) == ("blocks", 6)
    assert drift.ratio == pytest.approx((1.2 * 1.3) ** 0.5)
    assert drift.estimates == pytest.approx(
        {
            "shortest third": (1.1 * 1.2) ** 0.5,
            "middle third": (1.2 * 1.3) ** 0.5,
            "longest third": (1.3 * 1.5) ** 0.5,
        }
    )
    assert drift.disagreement == pytest.approx((1.3 * 1.5 / (1.1 * 1.2)) ** 0.5 - 1)
    assert drift.applied  # they differ by 21.5 %, the correction is 24.9 %


def test_what_was_not_measured_then_is_left_out() -> None:
    then = np.array([np.nan, 1.0, 2.0, 3.0, np.inf, 0.0])

    drift = drift_by_length("blocks", then, np.array([9.0, 2.0, 4.0, 6.0, 9.0, 9.0]))

    assert drift is not None
    assert drift.workloads == 3
    assert drift.ratio == pytest.approx(2.0)
    assert drift_by_length("blocks", then[:3], np.ones(3)) is None


def test_references_are_each_an_estimate() -> None:
    drift = drift_by_references({"compute": 2.0, "memory": 9.0}, {"compute": 1.0, "memory": 2.0})

    assert drift is not None
    assert drift.ratio == pytest.approx(3.0)  # the geometric mean of 2 and 4.5
    assert drift.estimates == {"compute": 2.0, "memory": 4.5}
    assert drift.disagreement == pytest.approx(1.25)
    assert drift.applied  # 125 % apart, a correction of 200 %
    assert drift_by_references({"compute": 2.0}, {"compute": 1.0, "memory": 2.0}) is None


@pytest.mark.parametrize(
    ("estimates", "applied"),
    [
        ({"a": 1.3, "b": 1.3}, True),
        ({"a": 1.21, "b": 1.0}, False),  # 21 % apart, a correction of 10 %
        ({"a": 1.6, "b": 1.25}, True),  # 28 % apart, a correction of 41.4 %
        ({"a": 0.8, "b": 0.625}, True),  # faster by as much: 28 % apart, 41.4 %
        ({"a": 0.9, "b": 1.1}, False),
        ({"a": 1.0, "b": 1.0}, True),
    ],
)
def test_a_correction_needs_estimates_that_agree(
    estimates: dict[str, float], applied: bool
) -> None:
    drift = drift_by_references(estimates, dict.fromkeys(estimates, 1.0))

    assert drift is not None
    assert drift.applied is applied


def test_in_words_it_says_why_nothing_is_corrected() -> None:
    drift = SessionDrift(source="blocks", workloads=9, ratio=1.05, estimates={"a": 1.2, "b": 1.0})
    agreed = SessionDrift(source="blocks", workloads=9, ratio=1.05, estimates={"a": 1.05})

    assert drift_in_words(drift.to_json()) == (
        "not corrected: estimates by 9 blocks differ by 20.0% (a +20.0%, b +0.0%), more than the "
        "+5.0% they would correct"
    )
    assert drift_in_words(agreed.to_json()) == "+5.0% since the predictor's sweep, by 9 blocks"


def test_it_comes_back_from_its_json() -> None:
    drift = SessionDrift(source="blocks", workloads=9, ratio=1.05, estimates={"a": 1.2, "b": 1.0})

    assert SessionDrift.from_json(drift.to_json()) == drift
    damaged: list[dict[str, Any]] = [
        {"ratio": 0.0}, {"estimates": {}}, {"estimates": {"a": float("nan")}},
    ]  # fmt: skip
    for changed in damaged:
        with pytest.raises(ValueError, match="ratios above 0"):
            SessionDrift.from_json(drift.to_json() | changed)
