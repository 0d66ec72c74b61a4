"""From passes to measurements, by hand: which passes count, whose visits, at what drift."""

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


def one_pass(times_ms: list[float], **facts: str | bool) -> MeasuredRound:
    """A pass of visits in turn: a cold call of 9 ms, then a warm one of this time."""
    return MeasuredRound(
        samples_ns=np.array([[9.0, ms] for ms in times_ms]) * 1e6,
        order=np.arange(len(times_ms)),
        repeated_bursts=0,
        facts=facts,
    )


def test_a_visit_spans_what_its_calls_took_and_the_last_one_of_a_place_counts() -> None:
    one = MeasuredRound(
        samples_ns=np.array([[1.0, 3.0], [5.0, 5.0], [2.0, 4.0]]),
        order=np.array([2, 0, 1, 0]),
        repeated_bursts=1,
        facts={},
    )

    # Visits take 6, 4, 10 and 4 ns, one after the other.
    assert spans_ns(one).tolist() == [[20, 24], [10, 20], [0, 6]]


def test_a_workload_has_the_samples_of_all_its_places_in_all_loads_and_their_drift() -> None:
    plain, slow = [2.0, 4.0, 2.2], [3.0, 6.0, 3.3]
    loads = [
        Replicate(
            group=1,
            number=number,
            workloads=(5, 3, 5),
            rounds=tuple(one_pass(ms, taken_at=f"load {number}, {when}") for when in "12"),
        )
        for number, ms in enumerate((plain, slow, plain))
    ]

    result = derive_measurements(
        loads, {3: LARGE, 5: SMALL}, TARGET, SweepPlan(replicates=3, rounds=2), {"cores": 2}
    )

    assert [one.workload for one in result] == [LARGE, SMALL]
    large, small = result
    # Loads by passes and places by calls; pass by pass, each with the workload's places in turn.
    assert large.samples_ns.shape == (3, 2, 2)
    assert small.samples_ns.shape == (3, 4, 2)
    assert (small.samples_ns[1, :, 1] / 1e6).tolist() == pytest.approx([3.0, 3.3, 3.0, 3.3])
    assert large.drift[:, 0].tolist() == pytest.approx([1.0, 1.5, 1.0])
    assert small.drift[1].tolist() == pytest.approx([1.5] * 4)
    assert large.median_ms == pytest.approx(4.0)
    assert {one.taken_at for one in result} == {"load 0, 1"}
    assert large.facts == {"cores": 2}


@pytest.mark.parametrize(("wanted", "kept_ms"), [(2, [4.0, 5.0]), (3, [4.0, 40.0, 5.0])])
def test_a_throttled_pass_counts_only_where_others_do_not_do(
    wanted: int, kept_ms: list[float]
) -> None:
    passes = (one_pass([4.0]), one_pass([40.0], **{THROTTLED: True}), one_pass([5.0]))
    load = Replicate(group=1, number=0, workloads=(1,), rounds=passes)

    (found,) = derive_measurements([load], {1: LARGE}, TARGET, SweepPlan(rounds=wanted), {})

    assert (found.samples_ns[0, :, 1] / 1e6).tolist() == pytest.approx(kept_ms)


def test_passes_are_marked_by_references_that_part_or_by_throttling() -> None:
    work = [LARGE, COMPUTE, MEMORY]
    passes = [one_pass([4.0, 1.0, 1.0]) for _ in range(6)]
    passes[1] = one_pass([4.0, 1.0, 1.1])  # memory alone slowed down
    passes[2] = one_pass([8.0, 2.0, 2.0])  # all slowed down together
    passes[4] = one_pass([4.0, 1.0, 1.0], **{THROTTLED: True})
    passes[5] = one_pass([4.0, 1.0, 1.0], **{THROTTLED: False})

    assert disturbed_rounds(passes, work).tolist() == [False, True, False, False, True, False]


def test_samples_taken_again_and_of_passes_left_out_are_kept_for_tails() -> None:
    def a_pass(times_ms: list[float], dropped_ms: list[float] | None, *order: int) -> MeasuredRound:
        return MeasuredRound(
            samples_ns=np.array(times_ms)[:, None] * 1e6,
            order=np.array(order),
            repeated_bursts=len(order) - len(times_ms),
            facts={THROTTLED: times_ms[0] > 10},
            disturbed_ns=None if dropped_ms is None else np.array(dropped_ms)[:, None] * 1e6,
        )

    # Place 1 was visited three times, place 0 twice; its first visit was timed wrongly.
    again = a_pass([2.0, 4.0], [np.nan, 41.0, 42.0], 0, 1, 1, 0, 1)
    throttled = a_pass([20.0, 40.0], None, 1, 0)
    load = Replicate(group=1, number=0, workloads=(3, 5), rounds=(throttled, again))

    def extra_ms(*passes: MeasuredRound) -> list[list[float] | None]:
        loads = [Replicate(group=1, number=0, workloads=(3, 5), rounds=passes)]
        plan = SweepPlan(replicates=1, rounds=1)
        result = derive_measurements(loads, {3: SMALL, 5: LARGE}, TARGET, plan, {})
        return [
            None if ns is None else (ns / 1e6).ravel().tolist()
            for one in result
            for ns in one.disturbed_ns
        ]

    assert again.disturbed_samples([0]) is not None
    assert extra_ms(*load.rounds) == [[20.0], [41.0, 42.0, 40.0]]
    unknown = a_pass([20.0, 40.0], None, 1, 0, 1)
    assert extra_ms(unknown, again) == [None, None]
