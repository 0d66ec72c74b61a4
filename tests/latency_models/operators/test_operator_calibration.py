"""Calibration of sums of operators: overhead, cache, robustness, the choice of the form."""

import numpy as np
import pytest

from latency_models.operators.calibration import (
    Calibration,
    CalibrationModel,
    Floats,
    calibrate,
    reloaded,
)

MB = 1e6


def model(
    ms: float, warm_ms: float, cold_ms: float, count: float = 1.0, weight_bytes: float = 0.0
) -> CalibrationModel:
    """A model that has one operator `count` times."""
    return CalibrationModel(
        ms=ms,
        counts=np.array([count]),
        warm_ms=np.array([warm_ms / count]),
        cold_ms=np.array([cold_ms / count]),
        weight_bytes=np.array([weight_bytes / count]),
    )


def test_the_overhead_of_a_run_is_taken_off_each_operator() -> None:
    """Models that take 0.9 of their warm latency less 0.02 ms an operator."""
    warm_ms = [1.0, 2.0, 3.0, 5.0, 8.0]
    counts = [10.0, 3.0, 40.0, 7.0, 90.0]
    cold_ms = [1.3, 2.9, 3.1, 9.0, 8.5]
    calibration = calibrate(
        [
            model(0.9 * warm - 0.02 * count, warm, cold, count)
            for warm, cold, count in zip(warm_ms, cold_ms, counts, strict=True)
        ]
    )
    assert calibration.warm_share == pytest.approx(0.9)
    assert calibration.cold_share == pytest.approx(0, abs=1e-9)
    assert calibration.overhead_ms == pytest.approx(0.02)
    assert calibration.cost_ms(1.0, 9.0) == pytest.approx(0.88)
    assert calibration.cost_ms(0.01, 0.01) == pytest.approx(0.0005)  # never free
    assert calibration.reload_ms(MB, 100 * MB) == 0


def test_the_overhead_is_left_out_where_it_does_not_help_other_models() -> None:
    """Its error on models left out is larger: the number of operators explains nothing."""
    rng = np.random.default_rng(3)
    warm_ms = rng.uniform(1, 10, 6)
    counts = rng.integers(1, 50, 6)
    calibration = calibrate(
        [
            model(warm * error, warm, 1.2 * warm, count)
            for warm, count, error in zip(warm_ms, counts, rng.normal(1.0, 0.02, 6), strict=True)
        ]
    )
    assert calibration.overhead_ms == 0
    assert calibration.warm_share + 1.2 * calibration.cold_share == pytest.approx(1, abs=0.03)


def test_the_bytes_that_are_read_again_follow_from_the_size_of_the_cache() -> None:
    """Of 16 MB, a cache of 4 MB lacks three quarters; alone, 4 MB lack half of themselves."""
    weights = np.array([1 * MB, 2 * MB, 4 * MB, 9 * MB])
    again = reloaded(weights, 16 * MB, 4 * MB)
    expected = [0.75, 1.5, 4 * (0.75 - 0.5), 0.0]  # 9 MB lack 7 of 9 alone, more than together
    assert again / MB == pytest.approx(expected)
    assert reloaded(weights, 3 * MB, 4 * MB).tolist() == [0.0] * 4
    assert reloaded(weights, 16 * MB, float("inf")).tolist() == [0.0] * 4


def test_weights_that_leave_the_cache_are_paid_for_each_byte() -> None:
    """Models take their warm latency, and 0.05 ms for each MB that a cache of 4 MB lost."""
    calibration = calibrate(_models_with_weights())
    assert calibration.cache_bytes == 4 * MB
    assert calibration.reload_ms_per_byte * MB == pytest.approx(0.05)
    assert calibration.warm_share == pytest.approx(1)
    assert calibration.reload_ms(1 * MB, 16 * MB) == pytest.approx(0.05 * 0.75)
    assert calibration.reload_ms(1 * MB, 4 * MB) == 0


def test_no_cache_is_fitted_on_seven_models() -> None:
    assert calibrate(_models_with_weights()[:7]).reload_ms_per_byte == 0


def test_one_odd_model_changes_little() -> None:
    """One of 13 takes three times as long as all others say; squares would follow it."""
    usual = _models_with_weights()
    odd = model(30.0, 10.0, 11.0, 10, MB)
    calibration = calibrate([*usual, odd])
    assert calibration.warm_share == pytest.approx(1, abs=0.03)
    assert calibration.reload_ms(1 * MB, 16 * MB) == pytest.approx(0.05 * 0.75, rel=0.3)
    assert calibration.relative_std > 0.15  # and it counts in the standard deviation


def test_without_models_there_is_no_correction() -> None:
    assert calibrate([]) == Calibration()


def _models_with_weights() -> list[CalibrationModel]:
    rng = np.random.default_rng(5)
    weights_mb: Floats = np.array([0.5, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64])
    models = []
    for total_mb in weights_mb:
        warm_ms, count = float(rng.uniform(5, 20)), float(rng.integers(60, 200))
        again_mb = total_mb * max(0.0, 1 - 4 / total_mb)
        cold_ms = warm_ms * float(rng.uniform(1.2, 3))
        models.append(model(warm_ms + 0.05 * again_mb, warm_ms, cold_ms, count, total_mb * MB))
    return models
