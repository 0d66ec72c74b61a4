"""Drift between two sessions: its estimates, and when they agree enough to correct by."""

from typing import Any

import numpy as np
import pytest

from bench.timing.session_drift import (
    SessionDrift,
    drift_by_anchors,
    drift_by_length,
    drift_by_references,
    drift_in_words,
)

THEN = np.array([5.0, 1.0, 2.0, 6.0, 3.0, 4.0])


def test_thirds_by_length_are_separate_estimates() -> None:
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


def test_every_anchor_is_an_estimate_and_the_correction_is_their_median() -> None:
    then = np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])
    now = then * np.array([1.1, 1.08, 1.5, 1.12, 1.0, 1.0])

    drift = drift_by_anchors(then, now)

    assert drift is not None
    assert (drift.source, drift.workloads, drift.weak) == ("anchor networks", 5, False)
    assert drift.ratio == pytest.approx(1.1)
    assert drift.estimates["anchor 3 of 3 ms"] == pytest.approx(1.5)
    # Sorted 1.0, 1.08, 1.1, 1.12, 1.5: the middle half reaches from the second to the fourth.
    assert drift.disagreement == pytest.approx(1.12 / 1.08 - 1)
    assert drift.applied
    expected = 1.2533 * np.log(1.12 / 1.08) / 1.349 / np.sqrt(5)
    assert drift.standard_error == pytest.approx(expected)
    assert drift_by_anchors(then[3:], now[3:]) is None


def test_anchors_whose_middle_half_spans_more_than_the_correction_are_not_applied() -> None:
    then = np.ones(5)

    close = drift_by_anchors(then, np.array([0.9, 1.02, 1.05, 1.06, 1.4]))
    apart = drift_by_anchors(then, np.array([0.9, 1.0, 1.05, 1.06, 1.4]))

    assert close is not None
    assert apart is not None
    assert close.applied  # 3.9 % apart, a correction of 5 %
    assert not apart.applied  # 6 % apart


def test_workloads_not_measured_before_are_left_out() -> None:
    then = np.array([np.nan, 1.0, 2.0, 3.0, np.inf, 0.0])

    drift = drift_by_length("blocks", then, np.array([9.0, 2.0, 4.0, 6.0, 9.0, 9.0]))

    assert drift is not None
    assert drift.workloads == 3
    assert drift.ratio == pytest.approx(2.0)
    assert drift_by_length("blocks", then[:3], np.ones(3)) is None


def test_every_reference_workload_is_an_estimate() -> None:
    drift = drift_by_references({"compute": 2.0, "memory": 9.0}, {"compute": 1.0, "memory": 2.0})

    assert drift is not None
    assert drift.ratio == pytest.approx(3.0)  # the geometric mean of 2 and 4.5
    assert drift.estimates == {"compute": 2.0, "memory": 4.5}
    assert drift.disagreement == pytest.approx(1.25)
    assert drift.applied  # 125 % apart, a correction of 200 %
    assert drift.weak
    assert drift.standard_error is None
    assert drift_by_references({"compute": 2.0}, {"compute": 1.0, "memory": 2.0}) is None


def test_other_estimates_do_not_change_the_mean_of_references_but_may_disagree() -> None:
    then = {"compute": 1.0, "memory": 1.0}
    agreed = drift_by_references({"compute": 1.2, "memory": 1.3}, then, {"blocks": 1.25})
    against = drift_by_references({"compute": 1.2, "memory": 1.3}, then, {"blocks": 1.0})

    assert agreed is not None
    assert against is not None
    assert agreed.ratio == against.ratio == pytest.approx(1.56**0.5)
    assert agreed.applied
    assert not against.applied  # 30 % apart, a correction of 24.9 %


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


def test_the_text_gives_the_reason_without_a_correction() -> None:
    drift = SessionDrift(source="blocks", workloads=9, ratio=1.05, estimates={"a": 1.2, "b": 1.0})
    agreed = SessionDrift(source="blocks", workloads=9, ratio=1.05, estimates={"a": 1.05})

    assert drift_in_words(drift.to_json()) == (
        "not corrected: estimates by 9 blocks differ by 20.0% (a +20.0%, b +0.0%), more than the "
        "+5.0% they would correct"
    )
    assert drift_in_words(agreed.to_json()) == "+5.0% since the predictor's sweep, by 9 blocks"
    old = {key: value for key, value in agreed.to_json().items()
           if key not in {"weak", "middle_half", "standard_error"}}  # fmt: skip
    assert drift_in_words(old) == drift_in_words(agreed.to_json())


def test_the_text_names_every_anchor_and_calls_references_weak() -> None:
    then = np.array([1.0, 2.0, 4.0])
    agreed = drift_by_anchors(then, then * np.array([1.1, 1.1, 1.1]))
    apart = drift_by_anchors(then, then * np.array([0.9, 1.01, 1.1]))
    weak = drift_by_references({"a": 1.1, "b": 1.1}, {"a": 1.0, "b": 1.0})

    assert agreed is not None
    assert apart is not None
    assert weak is not None
    anchors = "anchor 1 of 1 ms +10.0%, anchor 2 of 2 ms +10.0%, anchor 3 of 4 ms +10.0%"
    assert drift_in_words(agreed.to_json()) == (
        "+10.0% (standard error 0.0%) against the predictor's sessions, by the median of 3 anchor "
        f"networks: {anchors}"
    )
    assert drift_in_words(apart.to_json()) == (
        "not corrected: the middle half of estimates by 3 anchor networks differs by 10.6% "
        "(anchor 1 of 1 ms -10.0%, anchor 2 of 2 ms +1.0%, anchor 3 of 4 ms +10.0%), more than "
        "the +1.0% they would correct"
    )
    assert drift_in_words(weak.to_json()) == (
        "+10.0% since the predictor's sweep, by 2 reference workloads (weak: they follow whole "
        "networks poorly)"
    )


def test_session_drift_is_restored_from_json() -> None:
    drift = SessionDrift(source="blocks", workloads=9, ratio=1.05, estimates={"a": 1.2, "b": 1.0})

    assert SessionDrift.from_json(drift.to_json()) == drift
    damaged: list[dict[str, Any]] = [
        {"ratio": 0.0}, {"estimates": {}}, {"estimates": {"a": float("nan")}},
    ]  # fmt: skip
    for changed in damaged:
        with pytest.raises(
            ValueError,
            match=r"is .*, expected (a number|ratios) above 0",
        ):
            SessionDrift.from_json(drift.to_json() | changed)
