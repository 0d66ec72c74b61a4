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


def test_a_machine_that_slows_down_half_way_changes_the_level_not_the_times() -> None:
    own_ns = np.array([1.0, 2.0, 4.0]) * 1e6
    slowness = np.array([1.0, 1.0, 1.5, 1.5, 1.5])
    load = ReplicateTimes(group=1, workloads=(1, 2, 3), times_ns=slowness[:, None] * own_ns)

    (levels,) = drift_factors([load])

    assert levels[:, 0] == pytest.approx(
        slowness / 1.5
    )  # three of five passes: theirs is the median


def test_one_call_that_stumbles_moves_nothing() -> None:
    times_ns = np.full((5, 3), 2e6)
    times_ns[2, 1] *= 40

    (levels,) = drift_factors([ReplicateTimes(group=1, workloads=(1, 2, 3), times_ns=times_ns)])

    assert levels.tolist() == [[1.0] * 3] * 5


def test_loads_of_one_group_come_to_one_scale() -> None:
    own_ns = np.array([1.0, 3.0, 9.0]) * 1e6
    loads = [
        ReplicateTimes(group=1, workloads=(1, 2, 3), times_ns=np.tile(own_ns * level, (4, 1)))
        for level in (1.0, 1.2, 0.8)
    ]

    levels = drift_factors(loads)

    assert [level[0, 0] for level in levels] == pytest.approx([1.0, 1.2, 0.8])


def test_groups_that_share_no_moment_are_tied_by_what_both_measured() -> None:
    reference_ns, first_ns, second_ns = 5e6, 1e6, 7e6
    slow = np.array([[reference_ns, first_ns]]) * 1.5
    fast = np.array([[reference_ns, second_ns]])

    levels = drift_factors(
        [
            ReplicateTimes(group=1, workloads=(9, 1), times_ns=np.tile(slow, (3, 1))),
            ReplicateTimes(group=2, workloads=(9, 2), times_ns=np.tile(fast, (3, 1))),
        ]
    )

    assert levels[0][0, 0] / levels[1][0, 0] == pytest.approx(1.5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_levelled_times_are_what_they_are_whatever_the_levels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own_ns = np.exp(rng.uniform(9, 16, size=12))
    loads, true_levels = [], []
    for group in (1, 2):
        workloads = tuple(range(4)) + tuple(range(4 * group, 4 * group + 4))
        for _ in range(3):
            level = np.exp(0.3 * rng.standard_normal(5))
            times_ns = level[:, None] * own_ns[list(workloads)]
            loads.append(ReplicateTimes(group=group, workloads=workloads, times_ns=times_ns))
            true_levels.append(level)

    levels = np.concatenate([level[:, 0] for level in drift_factors(loads)])

    wanted = np.concatenate(true_levels)
    assert levels / np.median(levels) == pytest.approx(wanted / np.median(wanted), rel=1e-9)


def test_polish_finds_rows_and_columns_beside_an_outlier() -> None:
    rows, columns = np.array([0.0, -1.0, 1.0, 0.5, -0.5]), np.array([3.0, 5.0, 9.0])
    table = rows[:, None] + columns
    table[2, 1] += 100

    found_rows, found_columns = polish(table)

    assert found_rows == pytest.approx(rows)
    assert found_columns == pytest.approx(columns)


def test_groups_need_not_all_share_the_same_to_be_tied() -> None:
    own_ns = {9: 5e6, 1: 1e6, 2: 2e6, 3: 3e6}
    members = {1: ((9, 1, 2), 1.0), 2: ((9, 2, 3), 1.3), 3: ((9, 1), 0.7)}
    loads = [
        ReplicateTimes(
            group=group,
            workloads=workloads,
            times_ns=np.tile([own_ns[w] * level for w in workloads], (2, 1)),
        )
        for group, (workloads, level) in members.items()
    ]

    levels = [level[0, 0] for level in drift_factors(loads)]

    assert levels == pytest.approx([1.0, 1.3, 0.7])


def test_a_pass_in_which_memory_slows_down_alone_is_marked() -> None:
    samples_ns = np.full((6, 4, 3), 1e6)
    samples_ns[1] *= 1.3  # all alike: the level, nothing to mark
    samples_ns[4, 2:] *= 1.03  # both copies of the memory reference
    samples_ns[5, 2] *= 1.03  # one copy of two: half of it is 1.5 %

    marked = disagreeing_rounds(samples_ns, [0, 1], [2, 3])

    assert marked.tolist() == [False, False, False, False, True, False]


def test_without_references_nothing_is_marked() -> None:
    assert not disagreeing_rounds(np.full((3, 2, 1), 1e6), [], []).any()


def test_unmarked_passes_count_first_and_marked_ones_make_up() -> None:
    marked = np.array([False, True, False, True, False])

    assert counted_rounds(marked, 3).tolist() == [0, 2, 4]
    assert counted_rounds(marked, 4).tolist() == [0, 1, 2, 4]
    assert counted_rounds(marked, 2).tolist() == [0, 2]


def visited_in_turn(passes: int, places: int, took_ns: float) -> np.ndarray[Any, Any]:
    began_ns = np.arange(places) * took_ns
    return np.tile(np.stack([began_ns, began_ns + took_ns], axis=1), (passes, 1, 1))


def test_what_slows_some_milliseconds_is_told_by_the_visits_around() -> None:
    rng = np.random.default_rng(1)
    own_ns = np.exp(rng.uniform(12, 14, size=60))
    spans_ns, slow, inside = np.empty((40, 60, 2)), np.ones((40, 60)), np.zeros((40, 60), bool)
    for i in range(40):  # visits of 0.5 ms in an order of their own; 20 in a row are slow
        order, first = rng.permutation(60), int(rng.integers(40))
        spans_ns[i, order] = visited_in_turn(1, 60, took_ns=0.5e6)[0]
        slow[i, order[first : first + 20]] = 1.4
        inside[i, order[first + 7 : first + 13]] = True  # far enough from the edges
    load = ReplicateTimes(
        group=1, workloads=tuple(range(60)), times_ns=slow * own_ns, spans_ns=spans_ns
    )

    (levels,) = drift_factors([load])

    # In the middle of 20 slow visits the window sees 80 % slow ones: 1.4 ** 0.8.
    result = np.median(levels[inside]) / np.median(levels[slow == 1.0])
    assert result == pytest.approx(1.31, rel=0.05)
    assert np.std(np.log(slow / levels)) < 0.6 * np.std(np.log(slow))


def test_a_shared_workload_that_mostly_met_slow_moments_does_not_move_its_group() -> None:
    rng = np.random.default_rng(2)
    own_ns = np.exp(rng.uniform(12, 14, size=61))
    spans_ns, slow = np.empty((40, 60, 2)), np.ones((40, 60))
    for i in range(40):  # visits of 0.5 ms; in 30 of 40 passes workload 0 is amid the slow ones
        others = rng.permutation(np.arange(1, 60))
        place = 15 if i < 30 else 45
        order = np.insert(others, place, 0)
        spans_ns[i, order] = visited_in_turn(1, 60, took_ns=0.5e6)[0]
        slow[i, order[5:25]] = 1.4
    first = ReplicateTimes(
        group=1, workloads=tuple(range(60)), times_ns=slow * own_ns[:60], spans_ns=spans_ns
    )
    # The other group shares workload 0 alone, and nothing slowed it.
    second = ReplicateTimes(
        group=2,
        workloads=(0, 60),
        times_ns=np.tile(own_ns[[0, 60]], (40, 1)),
        spans_ns=visited_in_turn(40, 2, took_ns=0.5e6),
    )

    levels = drift_factors([first, second])

    undisturbed = np.median(levels[0][slow == 1.0])
    assert np.median(levels[1]) / undisturbed == pytest.approx(1.0, abs=0.1)


def test_a_visit_does_not_tell_its_own_level() -> None:
    rest = np.zeros((1, 5))
    rest[0, 2] = 0.3

    local = local_drift(rest, visited_in_turn(1, 5, took_ns=1e6))

    assert local[0, 2] == 0.0
    # Its neighbour: gaps of 0 (twice), 1 and 2 ms to others, and a doubt of 0.5.
    weights = 2 + np.exp(-1 / 3) + np.exp(-2 / 3) + 0.5
    assert local[0, 1] == pytest.approx(0.3 / weights)


def test_a_gap_between_references_that_is_usual_here_marks_nothing() -> None:
    samples_ns = np.full((8, 2, 1), 1e6)
    samples_ns[:, 0, 0] *= np.exp([0.1, -0.1, 0.08, -0.09, 0.1, -0.1, 0.09, 0.9])

    marked = disagreeing_rounds(samples_ns, [0], [1])

    assert marked.tolist() == [False] * 7 + [True]
