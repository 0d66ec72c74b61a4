from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.timing.drift import (
    ReplicateTimes,
    counted_rounds,
    disagreeing_rounds,
    drift_factors,
    local_drift,
    polish,
)


def test_a_slowdown_half_way_is_drift() -> None:
    own_ns = np.array([1.0, 2.0, 4.0]) * 1e6
    slowness = np.array([1.0, 1.0, 1.5, 1.5, 1.5])
    replicate = ReplicateTimes(group=1, workloads=(1, 2, 3), times_ns=slowness[:, None] * own_ns)

    (drift,) = drift_factors([replicate])

    # Three of five rounds are slow, so 1.5 is the median.
    assert drift[:, 0] == pytest.approx(slowness / 1.5)


def test_a_single_slow_sample_does_not_change_the_drift() -> None:
    times_ns = np.full((5, 3), 2e6)
    times_ns[2, 1] *= 40

    (drift,) = drift_factors([ReplicateTimes(group=1, workloads=(1, 2, 3), times_ns=times_ns)])

    assert drift.tolist() == [[1.0] * 3] * 5


def test_replicates_of_a_group_share_a_scale() -> None:
    own_ns = np.array([1.0, 3.0, 9.0]) * 1e6
    replicates = [
        ReplicateTimes(group=1, workloads=(1, 2, 3), times_ns=np.tile(own_ns * factor, (4, 1)))
        for factor in (1.0, 1.2, 0.8)
    ]

    drift = drift_factors(replicates)

    assert [factors[0, 0] for factors in drift] == pytest.approx([1.0, 1.2, 0.8])


def test_groups_are_tied_by_workloads_that_both_measured() -> None:
    reference_ns, first_ns, second_ns = 5e6, 1e6, 7e6
    slow = np.array([[reference_ns, first_ns]]) * 1.5
    fast = np.array([[reference_ns, second_ns]])

    drift = drift_factors(
        [
            ReplicateTimes(group=1, workloads=(9, 1), times_ns=np.tile(slow, (3, 1))),
            ReplicateTimes(group=2, workloads=(9, 2), times_ns=np.tile(fast, (3, 1))),
        ]
    )

    assert drift[0][0, 0] / drift[1][0, 0] == pytest.approx(1.5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_drift_of_any_size_is_estimated_exactly_without_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own_ns = np.exp(rng.uniform(9, 16, size=12))
    replicates, true_drift = [], []
    for group in (1, 2):
        workloads = tuple(range(4)) + tuple(range(4 * group, 4 * group + 4))
        for _ in range(3):
            drift = np.exp(0.3 * rng.standard_normal(5))
            times_ns = drift[:, None] * own_ns[list(workloads)]
            replicates.append(ReplicateTimes(group=group, workloads=workloads, times_ns=times_ns))
            true_drift.append(drift)

    estimate = np.concatenate([factors[:, 0] for factors in drift_factors(replicates)])

    wanted = np.concatenate(true_drift)
    assert estimate / np.median(estimate) == pytest.approx(wanted / np.median(wanted), rel=1e-9)


def test_polish_estimates_rows_and_columns_despite_an_outlier() -> None:
    rows, columns = np.array([0.0, -1.0, 1.0, 0.5, -0.5]), np.array([3.0, 5.0, 9.0])
    table = rows[:, None] + columns
    table[2, 1] += 100

    row_effects, column_effects = polish(table)

    assert row_effects == pytest.approx(rows)
    assert column_effects == pytest.approx(columns)


def test_groups_are_tied_by_different_shared_workloads() -> None:
    own_ns = {9: 5e6, 1: 1e6, 2: 2e6, 3: 3e6}
    members = {1: ((9, 1, 2), 1.0), 2: ((9, 2, 3), 1.3), 3: ((9, 1), 0.7)}
    replicates = [
        ReplicateTimes(
            group=group,
            workloads=workloads,
            times_ns=np.tile([own_ns[workload] * factor for workload in workloads], (2, 1)),
        )
        for group, (workloads, factor) in members.items()
    ]

    drift = [factors[0, 0] for factors in drift_factors(replicates)]

    assert drift == pytest.approx([1.0, 1.3, 0.7])


def test_a_round_in_which_only_memory_slows_down_is_disturbed() -> None:
    samples_ns = np.full((6, 4, 3), 1e6)
    samples_ns[1] *= 1.3  # everything by the same factor: drift, not disturbed
    samples_ns[4, 2:] *= 1.03  # both copies of the memory reference
    samples_ns[5, 2] *= 1.03  # one copy of two: half of it is 1.5 %

    disturbed = disagreeing_rounds(samples_ns, [0, 1], [2, 3])

    assert disturbed.tolist() == [False, False, False, False, True, False]


def test_without_references_no_round_is_disturbed() -> None:
    assert not disagreeing_rounds(np.full((3, 2, 1), 1e6), [], []).any()


def test_disturbed_rounds_count_only_where_others_do_not_suffice() -> None:
    disturbed = np.array([False, True, False, True, False])

    assert counted_rounds(disturbed, 3).tolist() == [0, 2, 4]
    assert counted_rounds(disturbed, 4).tolist() == [0, 1, 2, 4]
    assert counted_rounds(disturbed, 2).tolist() == [0, 2]


def spans_in_order(rounds: int, positions: int, burst_ns: float) -> np.ndarray[Any, Any]:
    start_ns = np.arange(positions) * burst_ns
    return np.tile(np.stack([start_ns, start_ns + burst_ns], axis=1), (rounds, 1, 1))


def test_drift_of_a_few_milliseconds_is_estimated_from_neighbouring_bursts() -> None:
    rng = np.random.default_rng(1)
    own_ns = np.exp(rng.uniform(12, 14, size=60))
    spans_ns, slow, inside = np.empty((40, 60, 2)), np.ones((40, 60)), np.zeros((40, 60), bool)
    for i in range(40):  # bursts of 0.5 ms in a new order; 20 in a row are slow
        order, first = rng.permutation(60), int(rng.integers(40))
        spans_ns[i, order] = spans_in_order(1, 60, burst_ns=0.5e6)[0]
        slow[i, order[first : first + 20]] = 1.4
        inside[i, order[first + 7 : first + 13]] = True  # far enough from the edges
    replicate = ReplicateTimes(
        group=1, workloads=tuple(range(60)), times_ns=slow * own_ns, spans_ns=spans_ns
    )

    (drift,) = drift_factors([replicate])

    # In the middle of 20 slow bursts the window holds 80 % slow ones: 1.4 ** 0.8.
    result = np.median(drift[inside]) / np.median(drift[slow == 1.0])
    assert result == pytest.approx(1.31, rel=0.05)
    assert np.std(np.log(slow / drift)) < 0.6 * np.std(np.log(slow))


def test_a_shared_workload_in_mostly_slow_periods_does_not_shift_its_group() -> None:
    rng = np.random.default_rng(2)
    own_ns = np.exp(rng.uniform(12, 14, size=61))
    spans_ns, slow = np.empty((40, 60, 2)), np.ones((40, 60))
    for i in range(40):  # bursts of 0.5 ms; in 30 of 40 rounds workload 0 is among the slow
        others = rng.permutation(np.arange(1, 60))
        place = 15 if i < 30 else 45
        order = np.insert(others, place, 0)
        spans_ns[i, order] = spans_in_order(1, 60, burst_ns=0.5e6)[0]
        slow[i, order[5:25]] = 1.4
    first = ReplicateTimes(
        group=1, workloads=tuple(range(60)), times_ns=slow * own_ns[:60], spans_ns=spans_ns
    )
    # The other group shares workload 0 alone, and nothing slowed it.
    second = ReplicateTimes(
        group=2,
        workloads=(0, 60),
        times_ns=np.tile(own_ns[[0, 60]], (40, 1)),
        spans_ns=spans_in_order(40, 2, burst_ns=0.5e6),
    )

    drift = drift_factors([first, second])

    undisturbed = np.median(drift[0][slow == 1.0])
    assert np.median(drift[1]) / undisturbed == pytest.approx(1.0, abs=0.1)


def test_a_burst_does_not_count_for_its_own_drift() -> None:
    rest = np.zeros((1, 5))
    rest[0, 2] = 0.3

    local = local_drift(rest, spans_in_order(1, 5, burst_ns=1e6))

    assert local[0, 2] == 0.0
    # Its neighbour: gaps of 0 (twice), 1 and 2 ms to the others, and a prior weight of 0.5.
    weights = 2 + np.exp(-1 / 3) + np.exp(-2 / 3) + 0.5
    assert local[0, 1] == pytest.approx(0.3 / weights)


def test_a_usual_gap_between_references_is_not_a_disturbance() -> None:
    samples_ns = np.full((8, 2, 1), 1e6)
    samples_ns[:, 0, 0] *= np.exp([0.1, -0.1, 0.08, -0.09, 0.1, -0.1, 0.09, 0.9])

    disturbed = disagreeing_rounds(samples_ns, [0], [1])

    assert disturbed.tolist() == [False] * 7 + [True]
