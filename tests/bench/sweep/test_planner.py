"""Planners choose what is measured next and how often; plans of replicates."""

from dataclasses import replace

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner, SettlingPlanner
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan

TARGET = Target(device="d", backend="b", backend_version="1")
A, B, C = (
    Workload(
        role="block",
        blocks=(BlockSpec(kind="avg_pool", in_size=size, in_channels=8, out_channels=8),),
    )
    for size in (7, 14, 28)
)
REFERENCE = replace(C, role="reference")


def measured(workload: Workload, replicates: int, *, settled: bool) -> Measurement:
    """Return a measurement whose replicates are equal (settled) or differ by half."""
    ms = [1.0 if settled or i % 2 else 1.5 for i in range(replicates)]
    return Measurement(
        workload=workload,
        target=TARGET,
        samples_ns=np.array(ms)[:, None, None] * 1e6,
        drift=np.ones((replicates, 1)),
    )


def test_workloads_of_a_list_are_measured_once_in_order() -> None:
    planner = ListPlanner([B, A, B, C])

    assert planner.next([]) == [B, A, C]
    assert planner.next([measured(B, 2, settled=False)]) == [A, C]
    assert planner.next([measured(B, 2, settled=False)], unrunnable=[C]) == [A]
    assert planner.next([measured(work, 2, settled=False) for work in (A, B, C)]) is None
    with pytest.raises(InputError, match="at least one block or network, got none"):
        ListPlanner([])


def test_unsettled_workloads_are_measured_again_up_to_the_limit() -> None:
    planner = SettlingPlanner([A, B], again=2, replicates=4)
    steady = measured(B, 4, settled=True)

    assert planner.next([steady]) == [A]  # unmeasured workloads come first
    for replicates, expected in [(4, [A]), (8, [A]), (12, None)]:
        assert planner.next([measured(A, replicates, settled=False), steady]) == expected
    assert planner.next([measured(A, 4, settled=True), steady]) is None


def test_references_and_unrunnable_workloads_are_not_measured_again() -> None:
    planner = SettlingPlanner([A, B], again=1, replicates=4)
    done = [measured(work, 4, settled=False) for work in (A, B, REFERENCE)]

    assert planner.next(done) == [A, B]
    assert planner.next(done, unrunnable=[A]) == [B]
    assert SettlingPlanner([A, B], again=0, replicates=4).next(done) is None


@pytest.mark.parametrize("wrong", [{"replicates": 0}, {"rounds": 0}, {"samples": -1}])
def test_counts_of_a_plan_must_be_at_least_1(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(InputError, match=f"{name} must be at least 1, got {wrong[name]}"):
        SweepPlan(**wrong)  # type: ignore[arg-type]
    assert SweepPlan(replicates=1, rounds=1, samples=1).max_rounds == 2


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_the_time_of_a_group_must_be_above_0(seconds: float) -> None:
    with pytest.raises(InputError, match="group_s must be a time above 0 s"):
        SweepPlan(group_s=seconds)
    assert SweepPlan(group_s=0.1).group_s == 0.1


def test_the_default_plan_is_6_replicates_of_30_rounds_of_3_samples() -> None:
    plan = SweepPlan()

    assert (plan.replicates, plan.rounds, plan.samples, plan.group_s) == (6, 30, 3, 60.0)
    assert (plan.seed, plan.memory_bytes, plan.requested) == (0, None, ())


def test_disturbed_rounds_may_add_30_percent_of_rounds() -> None:
    assert [SweepPlan(rounds=n).max_rounds for n in (30, 10, 4)] == [39, 13, 6]


def test_each_replicate_of_each_group_has_a_seed_derived_from_the_plans() -> None:
    plan = SweepPlan(rounds=10, samples=5, seed=3)

    seeds = [
        plan.replicate_plan(group, replicate).seed for group in range(3) for replicate in range(3)
    ]

    assert len(set(seeds)) == 9
    assert plan.replicate_plan(1, 2) == SweepPlan(rounds=10, samples=5, seed=3).replicate_plan(1, 2)
    assert plan.replicate_plan(1, 2).seed != replace(plan, seed=4).replicate_plan(1, 2).seed
    assert (plan.replicate_plan(0, 0).rounds, plan.replicate_plan(0, 0).samples) == (13, 5)


def test_a_plan_is_restored_from_json_and_describes_differences() -> None:
    plan = SweepPlan(replicates=2, memory_bytes=5, requested=(("space", "tiny"), ("blocks", "all")))
    data = plan.to_json()

    assert SweepPlan.from_json(data | {"asked": [["space", "tiny"], ["blocks", "all"]]}) == plan
    assert (data["loads"], data["passes"], data["calls"]) == (2, 30, 3)  # names of sweep files
    assert plan.requested == (("blocks", "all"), ("space", "tiny"))
    assert plan.difference(plan) == ""
    other = replace(plan, replicates=3, requested=(("space", "mine"), ("blocks", "all")))
    assert plan.difference(other) == "replicates 2 and not 3, space tiny and not mine"
    assert (
        plan.difference(replace(plan, requested=(("blocks", "all"),))) == "space tiny and not None"
    )
    with pytest.raises(
        InputError, match="a plan: more is an unknown key; expected one of group_s, "
    ):
        SweepPlan.from_json(data | {"more": 1})
    with pytest.raises(InputError, match="a plan: replicates is '1', expected a whole number"):
        SweepPlan.from_json(data | {"loads": "1"})
