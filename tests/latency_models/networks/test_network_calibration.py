"""Network calibration: from blocks to networks, on devices made up by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from latency_models.networks.network_calibration import (
    NetworkCalibration,
    fit_calibration,
    fit_robust,
    spread_of,
)

Floats = NDArray[np.float64]


def blocks_of(count: int) -> tuple[list[Floats], list[Floats]]:
    rng = np.random.default_rng(0)
    warm = [rng.uniform(0.1, 1.0, rng.integers(10, 20)) for _ in range(count)]
    return warm, [ms * rng.uniform(1.0, 1.6, len(ms)) for ms in warm]


def totals(warm: list[Floats], cold: list[Floats], by: NetworkCalibration) -> Floats:
    pairs = zip(warm, cold, strict=True)
    sums = [by.block_cost(warm_ms, cold_ms).sum() for warm_ms, cold_ms in pairs]
    return by.link(np.array(sums))


def test_default_is_the_plain_sum() -> None:
    warm, cold = np.array([1.0, 2.0]), np.array([1.5, 2.0])

    assert totals([warm], [cold], NetworkCalibration()).tolist() == [3.0]


def test_cost_by_hand() -> None:
    by = NetworkCalibration(overhead_ms=5.0, slope=2.0, cold_slope=0.5, block_ms=0.1)

    # 2 * 3 + 0.5 * (1 + 0: colder is never cheaper) + 2 * 0.1 + 5
    total_ms = totals([np.array([1.0, 2.0])], [np.array([2.0, 1.5])], by)

    assert total_ms == pytest.approx([11.7])


def test_the_calibration_behind_the_networks_is_recovered() -> None:
    warm, cold = blocks_of(20)
    truth = NetworkCalibration(overhead_ms=0.8, slope=0.9, cold_slope=0.4)

    calibration, choice = fit_calibration(warm, cold, totals(warm, cold, truth))

    assert choice.form == "overhead, slope, cold"
    assert calibration.to_items() == pytest.approx(truth.to_items(), rel=1e-6)
    assert choice.networks == 20


def test_the_simplest_of_equals_is_kept() -> None:
    warm, cold = blocks_of(20)
    noise = np.exp(0.02 * np.random.default_rng(1).standard_normal(20))

    calibration, choice = fit_calibration(
        warm, cold, totals(warm, cold, NetworkCalibration()) * noise
    )

    assert choice.form == "sum"
    assert calibration == NetworkCalibration(spread=calibration.spread)
    assert 0.01 < calibration.spread < 0.03


def test_an_outlier_hardly_changes_the_calibration() -> None:
    warm, cold = blocks_of(20)
    measured = totals(warm, cold, NetworkCalibration(slope=1.3))
    measured[3] *= 4

    calibration, _ = fit_calibration(warm, cold, measured)

    judged = np.delete(totals(warm, cold, calibration) / measured, 3)
    np.testing.assert_allclose(judged, 1, atol=0.01)


def test_one_or_two_networks_are_enough() -> None:
    warm, cold = blocks_of(2)
    measured = totals(warm, cold, NetworkCalibration(slope=1.2))

    first, _ = fit_calibration(warm[:1], cold[:1], measured[:1])
    both, _ = fit_calibration(warm, cold, measured)

    assert first == NetworkCalibration(spread=first.spread)
    assert both.overhead_ms >= 0


def test_predictions_equal_the_fit_where_costs_of_blocks_are_negative() -> None:
    # Blocks that are mostly the call of a block alone: some cost a network less than nothing.
    rng = np.random.default_rng(2)
    warm = [0.01 + rng.uniform(0.0, 0.02, rng.integers(8, 15)) for _ in range(20)]
    cold = [ms + 0.02 for ms in warm]
    measured_ms = np.array([0.05 + ms.sum() - 0.012 * len(ms) for ms in warm])

    calibration, _ = fit_calibration(warm, cold, measured_ms)

    assert calibration.block_ms < -0.01
    assert totals(warm, cold, calibration) == pytest.approx(measured_ms, rel=1e-6)


def test_a_networks_spread_and_its_blocks_variance_add_up_as_squares() -> None:
    by = NetworkCalibration(spread=0.03)

    # 3 % of 100 ms, and blocks' 16 ms^2: 3, 4 and 5 make a right angle.
    assert by.std_ms(np.array([100.0, 0.0]), np.array([16.0, 9.0])).tolist() == [5.0, 3.0]


def test_the_spread_of_normal_errors_is_their_mean_size_by_the_root_of_half_pi() -> None:
    assert spread_of(0.02) == pytest.approx(0.0250663, abs=1e-7)


def test_a_network_far_off_pulls_with_the_weight_of_two_percent() -> None:
    # Of c / 1 - 1 twice and c / 2 - 1: the third pulls by 0.02 / 2, the others by 2 (c - 1).
    assert fit_robust(np.ones((3, 1)), np.array([1.0, 1.0, 2.0])) == pytest.approx([1.005])


def test_weights_are_of_each_column_and_none_is_negative() -> None:
    design = np.array([[1.0, 1000.0], [1.0, 2000.0], [1.0, 4000.0]])

    assert fit_robust(design, np.array([2.5, 4.5, 8.5])) == pytest.approx([0.5, 0.002])
    falling, rising = fit_robust(design, np.array([3.0, 2.0, 1.0]))
    assert (falling > 0, rising) == (True, 0.0)
    assert fit_robust(design * [1, 0], np.array([2.0, 2.0, 2.0])) == pytest.approx([2.0, 0.0])


@pytest.mark.parametrize(
    ("count", "forms"),
    [
        (2, ["sum"]),
        (3, ["sum", "slope"]),
        (4, ["sum", "slope", "overhead, slope", "slope, blocks", "slope, cold"]),
    ],
)
def test_forms_are_tried_that_leave_a_network_for_the_comparison(
    count: int, forms: list[str]
) -> None:
    warm, cold = blocks_of(count)

    _, choice = fit_calibration(warm, cold, totals(warm, cold, NetworkCalibration(slope=1.25)))

    assert [name for name, _ in choice.errors] == forms
    assert choice.networks == count
    # The plain sum is 1 / 1.25 of each: a fifth too low. A slope is fitted on the others.
    assert dict(choice.errors)["sum"] == pytest.approx(0.2)
    assert dict(choice.errors).get("slope", 0.0) == pytest.approx(0.0, abs=1e-9)
    assert (choice.form == "sum") == (count == 2)


def test_the_spread_kept_is_that_of_the_form_kept() -> None:
    warm, cold = blocks_of(2)

    calibration, _ = fit_calibration(warm, cold, totals(warm, cold, NetworkCalibration(slope=1.25)))

    assert calibration.spread == pytest.approx(spread_of(0.2))


@pytest.mark.parametrize("each_ms", [0.05, -0.05])
def test_the_cost_per_block_may_be_positive_or_negative(each_ms: float) -> None:
    warm, cold = blocks_of(12)
    truth = NetworkCalibration(slope=1.1, block_ms=each_ms)

    calibration, choice = fit_calibration(warm, cold, totals(warm, cold, truth))

    assert choice.form == "slope, blocks"
    assert calibration.to_items() == pytest.approx(truth.to_items(), rel=1e-6, abs=1e-9)
