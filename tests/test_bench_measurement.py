import math

import numpy as np
import pytest

from bench.devices.base import Workload
from bench.measurement import Measurement, interval
from bench.spec import BlockSpec, Target

SPEC = BlockSpec(kind="avg_pool", in_size=7, in_channels=8, out_channels=8)
TARGET = Target(device="d", backend="b", backend_version="1")


def measured(samples_ms: object, levels: object, target: Target = TARGET) -> Measurement:
    return Measurement(
        workload=Workload(role="block", blocks=(SPEC,)),
        target=target,
        samples_ns=np.array(samples_ms) * 1e6,
        levels=np.array(levels),
    )


def test_the_level_is_divided_out_and_the_last_call_counts() -> None:
    # Two loads of three passes of two calls.
    one = measured(
        [[[9, 2.0], [9, 4.4], [9, 2.2]], [[9, 3.0], [9, 2.4], [9, 2.6]]],
        [[1.0, 2.0, 1.0], [1.0, 1.0, 1.0]],
    )

    assert one.load_ms().tolist() == pytest.approx([2.2, 2.6])
    assert one.median_ms == pytest.approx(2.4)
    assert one.cold_ms == pytest.approx(9.0)
    assert one.warm_ms == one.median_ms


def test_a_cold_target_counts_the_first_call() -> None:
    cold = TARGET.with_options(cache="cold")

    one = measured([[[5.0, 2.0]], [[7.0, 2.0]]], [[1.0], [1.0]], cold)

    assert one.median_ms == one.cold_ms == pytest.approx(6.0)
    assert one.warm_ms == pytest.approx(2.0)


def test_the_interval_of_six_loads_spans_them_whatever_single_samples_do() -> None:
    loads_ms = [2.0, 2.2, 1.9, 2.0, 2.1, 2.0]
    samples = [[[ms], [ms], [ms * 50]] for ms in loads_ms]

    one = measured(samples, np.ones((6, 3)))

    assert one.interval_ms == pytest.approx((1.9, 2.2))
    assert one.half_width == pytest.approx(0.15 / 2.0)
    assert not one.settled
    assert measured(np.full((6, 1, 1), 3.0), np.ones((6, 1))).settled


def test_one_load_has_no_interval_and_never_settles() -> None:
    one = measured([[[2.0]]], [[1.0]])

    assert all(math.isnan(end) for end in one.interval_ms)
    assert one.settled is False


def test_two_to_five_loads_have_students_interval() -> None:
    low, high = interval(np.array([1.0, 1.0, math.e, math.e]))

    # logarithms 0, 0, 1, 1: median 0.5, standard deviation 1 / sqrt(3), t = 3.182
    reach = 3.182 / math.sqrt(3) / 2
    assert (low, high) == pytest.approx((math.exp(0.5 - reach), math.exp(0.5 + reach)))


@pytest.mark.parametrize(("count", "cut"), [(6, 0), (8, 0), (9, 1), (12, 2), (20, 5)])
def test_more_loads_leave_out_as_many_extremes_as_95_in_100_allow(count: int, cut: int) -> None:
    values = np.arange(1.0, count + 1)

    assert interval(values) == (1 + cut, count - cut)


@pytest.mark.parametrize("count", [3, 6, 9, 12])
def test_the_interval_holds_the_true_median_as_often_as_it_claims(count: int) -> None:
    rng = np.random.default_rng(count)
    held = 0
    for _ in range(2000):
        low, high = interval(np.exp(0.05 * rng.standard_normal(count)))
        held += low <= 1.0 <= high

    assert held / 2000 >= 0.94
