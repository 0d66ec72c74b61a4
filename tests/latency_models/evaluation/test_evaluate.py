"""Figures of an evaluation against those counted by hand."""

import numpy as np
import pytest

from bench.errors import InputError
from latency_models.evaluation.evaluate import (
    best_constant,
    evaluate,
    macs_alone,
    macs_line,
    repeatability,
)


def test_figures_by_hand() -> None:
    measured = np.array([10.0, 20.0, 30.0, 40.0])
    predicted = np.array([10.4, 18.5, 33.6, 40.0])  # +4 %, -7.5 %, +12 %, 0

    scores = evaluate(predicted, measured)

    assert scores.n == 4
    assert (scores.within_5, scores.within_10) == (0.5, 0.75)
    assert (scores.spearman, scores.kendall) == (1.0, 1.0)
    assert scores.mape == pytest.approx((0.04 + 0.075 + 0.12) / 4)
    assert scores.bias == pytest.approx(0.02)


def test_order_by_hand() -> None:
    scores = evaluate(np.array([1.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0]))

    assert scores.spearman == pytest.approx(0.5)  # 1 - 6 * 2 / (3 * 8)
    assert scores.kendall == pytest.approx(1 / 3)  # two pairs in order, one not


def test_a_constant_has_no_rank() -> None:
    assert evaluate(np.ones(3), np.array([1.0, 2.0, 3.0])).spearman is None


def test_best_constant_is_not_beaten_by_any_constant() -> None:
    rng = np.random.default_rng(0)
    measured = rng.lognormal(1.0, 0.2, 200)
    best = best_constant(measured)

    for constant in np.linspace(measured.min(), measured.max(), 500):
        scores = evaluate(np.full(200, constant), measured)
        assert scores.within_5 <= best.within_5
        assert scores.within_10 <= best.within_10
        assert scores.mape >= best.mape - 1e-12


def test_best_constant_by_hand() -> None:
    # 100 is within 10 % of 95 and of 110.9; no constant reaches all three.
    baseline = best_constant(np.array([95.0, 110.0, 200.0]))

    assert baseline.within_5 == pytest.approx(1 / 3)
    assert baseline.within_10 == pytest.approx(2 / 3)


def test_a_constants_error_is_least_at_the_median_weighted_by_speed() -> None:
    # Weights 1, 1/2 and 1/4: half of 1.75 is reached by the first. 0, 1/2 and 3/4 off.
    baseline = best_constant(np.array([4.0, 1.0, 2.0]))

    assert baseline.mape == pytest.approx((0 + 1 / 2 + 3 / 4) / 3)
    assert (baseline.n, baseline.bias, baseline.spearman, baseline.kendall) == (3, 0.0, None, None)


def test_a_constant_may_be_just_within_the_band_of_both_ends() -> None:
    assert best_constant(np.array([95.0, 105.0])).within_5 == 1.0  # 99.75 is 5 % off both
    assert best_constant(np.array([95.0, 105.1])).within_5 == 0.5
    assert best_constant(np.array([90.0, 110.0])).within_10 == 1.0


def test_macs_alone_with_and_without_a_line() -> None:
    macs, measured = np.array([1e6, 2e6, 4e6]), np.array([2.0, 3.0, 5.0])

    line = macs_line(macs, measured)

    assert line == pytest.approx((1.0, 1e-6))
    assert macs_alone(macs, measured, line).mape == pytest.approx(0, abs=1e-9)
    # One scale: the median of 2, 1.5 and 1.25 ms a million.
    assert macs_alone(macs, measured).mape == pytest.approx((0.25 + 0 + 0.2) / 3)


def test_repeatability_skips_missing_values() -> None:
    result = repeatability([0.02, 0.06, float("nan")])

    assert result is not None
    assert (result.n, result.within_5) == (2, 0.5)
    assert result.median == pytest.approx(0.04)
    assert result.p95 == pytest.approx(0.058)  # 0.95 of the way from the one to the other
    assert repeatability([float("nan")]) is None


@pytest.mark.parametrize("bad", [0.0, -3.0, np.nan, np.inf])
def test_invalid_latencies_are_reported(bad: float) -> None:
    with pytest.raises(InputError, match=f"network 1 is {bad}, expected"):
        evaluate(np.ones(3), np.array([1.0, bad, -7.0]))


def test_repeatability_at_the_edge_of_a_band_is_within_it() -> None:
    result = repeatability([0.05, 0.10, 0.20])

    assert result is not None
    assert (result.within_5, result.within_10) == pytest.approx((1 / 3, 2 / 3))


def test_constant_values_have_no_rank_correlation() -> None:
    constant, rising = np.ones(3), np.array([1.0, 2.0, 3.0])

    for scores in (evaluate(constant, rising), evaluate(rising, constant)):
        assert (scores.spearman, scores.kendall) == (None, None)


@pytest.mark.parametrize("shape", [(0,), (2, 2)])
def test_one_prediction_is_needed_for_each_network(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="at least one"):
        evaluate(np.ones(shape), np.ones(shape))


def test_different_numbers_of_networks_are_reported() -> None:
    with pytest.raises(InputError, match="as many"):
        evaluate(np.ones(2), np.ones(3))
