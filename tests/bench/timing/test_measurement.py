import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.timing.intervals import interval, student_t
from bench.timing.measurement import Measurement

SPEC = BlockSpec(kind="avg_pool", in_size=7, in_channels=8, out_channels=8)
TARGET = Target(device="d", backend="b", backend_version="1")


def measured(samples_ms: object, drift: object, target: Target = TARGET) -> Measurement:
    return Measurement(
        workload=Workload(role="block", blocks=(SPEC,)),
        target=target,
        samples_ns=np.array(samples_ms) * 1e6,
        drift=np.array(drift),
    )


def test_medians_are_drift_corrected_and_of_later_samples() -> None:
    # Two replicates of three rounds of two samples.
    measurement = measured(
        [[[9, 2.0], [9, 4.4], [9, 2.2]], [[9, 3.0], [9, 2.4], [9, 2.6]]],
        [[1.0, 2.0, 1.0], [1.0, 1.0, 1.0]],
    )

    assert measurement.replicate_ms().tolist() == pytest.approx([2.2, 2.6])
    assert measurement.median_ms == pytest.approx(2.3)  # of 2.0, 2.2, 2.2, 2.4, 2.6, 3.0
    assert measurement.cold_ms == pytest.approx(9.0)
    assert measurement.warm_ms == measurement.median_ms


def test_a_cold_target_counts_the_first_sample() -> None:
    cold = TARGET.with_options(cache="cold")

    measurement = measured([[[5.0, 2.0]], [[7.0, 2.0]]], [[1.0], [1.0]], cold)

    assert measurement.median_ms == measurement.cold_ms == pytest.approx(6.0)
    assert measurement.warm_ms == pytest.approx(2.0)


def test_the_interval_is_computed_from_replicates_and_ignores_outliers() -> None:
    replicates_ms = [2.0, 2.0 * math.e**0.02, 2.0, 2.0 * math.e**-0.02, 2.0, 2.0]
    samples = [[[ms], [ms], [ms * 50]] for ms in replicates_ms]

    measurement = measured(samples, np.ones((6, 3)))

    # logarithms' standard deviation sqrt(2 * 0.02^2 / 5), t = 2.571, two means of six
    reach = 2.571 * math.sqrt(2 * 0.02**2 / 5) * math.sqrt(2 / 6)
    assert measurement.interval_ms == pytest.approx(
        (2.0 * math.exp(-reach), 2.0 * math.exp(reach)), 1e-3
    )
    assert measurement.half_width == pytest.approx(math.sinh(reach), rel=2e-3)
    assert measurement.narrow_interval
    wide = measured([[[ms]] for ms in (2.0, 2.2, 1.9, 2.0, 2.3, 2.0)], np.ones((6, 1)))
    assert not wide.narrow_interval


def test_raw_figures_are_not_drift_corrected() -> None:
    # Two replicates of three bursts; the second ran on a machine half as fast.
    samples = [[[9, 2.0], [9, 2.2], [9, 1.8]], [[9, 4.0], [9, 4.4], [9, 3.6]]]

    measurement = measured(samples, [[1.0] * 3, [2.0] * 3])

    assert measurement.median_ms == pytest.approx(2.0)
    assert measured([[[2.0]]], [[4.0]]).raw_ms == 2.0
    assert measurement.raw_ms == pytest.approx(2.9)  # of 1.8, 2.0, 2.2, 3.6, 4.0, 4.4
    # Replicates' medians are 2 and 4: logarithms' standard deviation ln 2 / sqrt 2, t = 12.706.
    reach = 12.706 * math.log(2) / math.sqrt(2)
    expected = (2.9 * math.exp(-reach), 2.9 * math.exp(reach))
    assert measurement.raw_interval_ms == pytest.approx(expected, rel=1e-6)


def with_disturbed(samples_ms: object, disturbed_ms: list[Any], **options: str) -> Measurement:
    drift = np.ones(np.array(samples_ms).shape[:2])
    measurement = measured(samples_ms, drift, TARGET.with_options(**options))
    extra = [None if ms is None else np.array(ms, dtype=float) * 1e6 for ms in disturbed_ms]
    return replace(measurement, disturbed_ns=tuple(extra))


def test_a_tail_is_computed_from_all_samples_and_disturbed_ones() -> None:
    # Ten warm samples of 1 to 10 ms in five bursts, and a disturbed burst of 11 ms.
    samples = [[[90, first, first + 1] for first in range(1, 11, 2)]]

    measurement = with_disturbed(samples, [[[99, 11, 11]]])

    assert measurement.median_ms == pytest.approx(5.5)
    # 12 samples: the 90th percentile lies 0.9 * 11 = 9.9 steps from the first, 11 is the 10th.
    assert measurement.p90_ms == pytest.approx(10 + 0.9 * (11 - 10))
    assert (measurement.tail.samples, measurement.tail.disturbed) == (12, 2)
    assert with_disturbed(samples, [np.empty((0, 3))]).p90_ms == pytest.approx(9.1)


def test_a_cold_tail_is_of_first_samples_and_that_of_single_samples_of_all() -> None:
    cold = with_disturbed([[[5, 1], [7, 1]]], [[[9, 1]]], cache="cold")

    assert cold.p90_ms == pytest.approx(7 + 0.8 * 2)  # 1.8 steps from 5 over 7 to 9
    assert with_disturbed([[[5], [7]]], [[[9]]]).p90_ms == pytest.approx(8.6)


def test_a_99th_percentile_needs_500_samples() -> None:
    few = with_disturbed([[[0, ms] for ms in range(1, 500)]], [np.empty((0, 2))])
    enough = with_disturbed([[[0, ms] for ms in range(1, 500)]], [[[0, 500]]])

    assert few.p99_ms is None
    assert enough.p99_ms == pytest.approx(1 + 0.99 * 499)


def test_disturbed_samples_that_a_device_does_not_return_are_none() -> None:
    assert with_disturbed([[[1.0]], [[2.0]]], [None, np.empty((0, 1))]).tail.disturbed is None
    assert measured([[[1.0]]], [[1.0]]).tail.disturbed is None
    assert with_disturbed([[[1.0]]], [np.empty((0, 1))]).tail.disturbed == 0


def test_the_interval_of_a_tail_is_computed_from_the_replicates_tails() -> None:
    samples = [[[1.0], [2.0]], [[2.0], [4.0]]]

    tail = with_disturbed(samples, [np.empty((0, 1))] * 2).tail

    # Of 1, 2, 2, 4: 2.7 steps. The replicates have 1.9 and 3.8, which differ by a factor of 2.
    assert tail.p90_ms == pytest.approx(2 + 0.7 * 2)
    reach = 12.706 * math.log(2) / math.sqrt(2)
    assert tail.low_ms == pytest.approx(3.4 * math.exp(-reach))
    assert tail.high_ms == pytest.approx(3.4 * math.exp(reach))
    alone = with_disturbed([[[1.0]]], [None]).tail.to_json()
    assert (alone["low_ms"], alone["high_ms"], alone["p90_ms"]) == (None, None, 1.0)


def test_a_drift_corrected_tail_is_scaled_like_the_median() -> None:
    measurement = measured([[[2.0], [4.0], [6.0]]], [[2.0, 2.0, 2.0]])

    assert (measurement.raw_ms, measurement.median_ms) == (4.0, 2.0)
    assert measurement.p90_ms == pytest.approx(5.6)
    assert measurement.corrected_p90_ms == pytest.approx(2.8)


def test_an_interval_may_be_wider_than_its_median() -> None:
    measurement = measured([[[1.0]], [[math.e]]], [[1.0], [1.0]])

    reach = 12.706 / math.sqrt(2)  # logarithms of the two differ by 1
    assert measurement.half_width == pytest.approx(math.sinh(reach), rel=1e-6)


def test_a_single_replicate_has_no_interval_and_is_not_settled() -> None:
    measurement = measured([[[2.0]]], [[1.0]])

    assert measurement.median_ms == 2.0
    assert all(math.isnan(end) for end in measurement.interval_ms)
    assert measurement.narrow_interval is False


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (4, 2.776), (5, 2.571), (6, 2.447), (11, 2.201), (30, 2.042)],
)
def test_students_t_quantiles_equal_published_tables(freedom: int, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, abs=2e-3)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 12])
def test_the_interval_contains_another_sweeps_median_in_95_percent(count: int) -> None:
    rng = np.random.default_rng(count)
    held = 0
    for _ in range(4000):
        ours, theirs = 0.05 * rng.standard_normal((2, count))
        low, high = interval(np.exp(ours), float(np.exp(ours.mean())))
        held += low <= np.exp(theirs.mean()) <= high

    assert held / 4000 == pytest.approx(0.95, abs=0.015)
