"""Aggregation of rounds to measurements: which rounds and bursts count, and their drift."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.protocol.device import THROTTLED, Workload
from bench.protocol.target import Target
from bench.timing.aggregation import (
    MeasuredRound,
    Replicate,
    derive_measurements,
    disturbed_rounds,
    spans_ns,
)
from bench.timing.plan import SweepPlan
from bench.timing.references import COMPUTE, MEMORY

TARGET = Target(device="d", backend="b", backend_version="1")
SMALL, LARGE = (
    Workload(
        role="block",
        blocks=(BlockSpec(kind="avg_pool", in_size=size, in_channels=8, out_channels=8),),
    )
    for size in (7, 14)
)


def a_round(times_ms: list[float], **facts: str | bool) -> MeasuredRound:
    """Return a round with one burst per time: a cold sample of 9 ms, then a warm one."""
    return MeasuredRound(
        samples_ns=np.array([[9.0, ms] for ms in times_ms]) * 1e6,
        order=np.arange(len(times_ms)),
        repeated_bursts=0,
        facts=facts,
    )


def test_a_burst_spans_its_samples_and_the_last_burst_of_a_position_counts() -> None:
    measured_round = MeasuredRound(
        samples_ns=np.array([[1.0, 3.0], [5.0, 5.0], [2.0, 4.0]]),
        order=np.array([2, 0, 1, 0]),
        repeated_bursts=1,
        facts={},
    )

    # The bursts take 6, 4, 10 and 4 ns in this order.
    assert spans_ns(measured_round).tolist() == [[20, 24], [10, 20], [0, 6]]


def test_a_workload_has_samples_and_drift_of_all_its_positions_and_replicates() -> None:
    plain, slow = [2.0, 4.0, 2.2], [3.0, 6.0, 3.3]
    replicates = [
        Replicate(
            group=1,
            number=number,
            workloads=(5, 3, 5),
            rounds=tuple(a_round(ms, taken_at=f"replicate {number}, {when}") for when in "12"),
        )
        for number, ms in enumerate((plain, slow, plain))
    ]

    result = derive_measurements(
        replicates, {3: LARGE, 5: SMALL}, TARGET, SweepPlan(replicates=3, rounds=2), {"cores": 2}
    )

    assert [measurement.workload for measurement in result] == [LARGE, SMALL]
    large, small = result
    # Replicates, then rounds times positions (round by round), then samples.
    assert large.samples_ns.shape == (3, 2, 2)
    assert small.samples_ns.shape == (3, 4, 2)
    assert (small.samples_ns[1, :, 1] / 1e6).tolist() == pytest.approx([3.0, 3.3, 3.0, 3.3])
    assert large.drift[:, 0].tolist() == pytest.approx([1.0, 1.5, 1.0])
    assert small.drift[1].tolist() == pytest.approx([1.5] * 4)
    assert large.median_ms == pytest.approx(4.0)
    assert {measurement.taken_at for measurement in result} == {"replicate 0, 1"}
    assert large.facts == {"cores": 2}


@pytest.mark.parametrize(("wanted", "kept_ms"), [(2, [4.0, 5.0]), (3, [4.0, 40.0, 5.0])])
def test_a_throttled_round_counts_only_where_others_do_not_suffice(
    wanted: int, kept_ms: list[float]
) -> None:
    rounds = (a_round([4.0]), a_round([40.0], **{THROTTLED: True}), a_round([5.0]))
    replicate = Replicate(group=1, number=0, workloads=(1,), rounds=rounds)

    (measurement,) = derive_measurements(
        [replicate], {1: LARGE}, TARGET, SweepPlan(rounds=wanted), {}
    )

    assert (measurement.samples_ns[0, :, 1] / 1e6).tolist() == pytest.approx(kept_ms)


def test_rounds_are_disturbed_where_references_disagree_or_by_throttling() -> None:
    work = [LARGE, COMPUTE, MEMORY]
    rounds = [a_round([4.0, 1.0, 1.0]) for _ in range(6)]
    rounds[1] = a_round([4.0, 1.0, 1.1])  # memory alone slowed down
    rounds[2] = a_round([8.0, 2.0, 2.0])  # all slowed down together
    rounds[4] = a_round([4.0, 1.0, 1.0], **{THROTTLED: True})
    rounds[5] = a_round([4.0, 1.0, 1.0], **{THROTTLED: False})

    assert disturbed_rounds(rounds, work).tolist() == [False, True, False, False, True, False]


def test_disturbed_samples_and_those_of_rounds_left_out_are_kept_for_tails() -> None:
    def burst_round(
        times_ms: list[float], dropped_ms: list[float] | None, *order: int
    ) -> MeasuredRound:
        return MeasuredRound(
            samples_ns=np.array(times_ms)[:, None] * 1e6,
            order=np.array(order),
            repeated_bursts=len(order) - len(times_ms),
            facts={THROTTLED: times_ms[0] > 10},
            disturbed_ns=None if dropped_ms is None else np.array(dropped_ms)[:, None] * 1e6,
        )

    # Position 1 has three bursts, position 0 two, the first of which has no valid sample.
    again = burst_round([2.0, 4.0], [np.nan, 41.0, 42.0], 0, 1, 1, 0, 1)
    throttled = burst_round([20.0, 40.0], None, 1, 0)
    replicate = Replicate(group=1, number=0, workloads=(3, 5), rounds=(throttled, again))

    def extra_ms(*rounds: MeasuredRound) -> list[list[float] | None]:
        replicates = [Replicate(group=1, number=0, workloads=(3, 5), rounds=rounds)]
        plan = SweepPlan(replicates=1, rounds=1)
        result = derive_measurements(replicates, {3: SMALL, 5: LARGE}, TARGET, plan, {})
        return [
            None if ns is None else (ns / 1e6).ravel().tolist()
            for measurement in result
            for ns in measurement.disturbed_ns
        ]

    assert again.disturbed_samples([0]) is not None
    assert extra_ms(*replicate.rounds) == [[20.0], [41.0, 42.0, 40.0]]
    unknown = burst_round([20.0, 40.0], None, 1, 0, 1)
    assert extra_ms(unknown, again) == [None, None]
