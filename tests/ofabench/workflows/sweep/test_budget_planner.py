"""`sweep --budget`, `--informative` and `--archs` on the fake device."""

from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.devices.fake import FakeDevice
from bench.errors import InputError, InterruptedSweepError
from bench.protocol.device import ModelCosts
from bench.protocol.target import Target
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from latency_models.regression.domain import Domain
from ofabench.workflows.sweep.budget_planner import BudgetPlanner, SweepBudget, informative_networks
from supernet.space.space import SearchSpace
from tests.support.sweep_commands import refused, run_sweep_command

TINY = SearchSpace.load("tiny")
TARGET = Target(device="fake", backend="fake", backend_version="fake-1")
PLAN = SweepPlan(replicates=2, rounds=3, seed=4)


def planner(budget_s: float, plan: SweepPlan = PLAN) -> BudgetPlanner:
    costs = FakeDevice().model_costs()
    budget = SweepBudget(budget_s=budget_s, plan=plan, batch=1, costs=costs)
    return BudgetPlanner(TINY, budget, seed=4)


def swept(path: Path, budget_s: float, plan: SweepPlan = PLAN) -> SweepStore:
    store = SweepStore.create(path, TARGET, plan)
    run_sweep(FakeDevice(), FakeBackend(), TARGET, planner(budget_s, plan), plan, store)
    return store


@pytest.mark.slow
def test_more_time_measures_more_and_both_blocks_and_networks(tmp_path: Path) -> None:
    counts = []
    for number, budget_s in enumerate((4.0, 8.0)):
        with swept(tmp_path / f"{number}.sqlite", budget_s) as store:
            roles = [measurement.workload.role for measurement in store.measurements()]
            rounds = {group.round for group in store.groups()}
            counts.append((roles.count("block"), roles.count("network")))
            assert {0, 1} <= rounds

    assert 0 < counts[0][0] < counts[1][0] <= len(TINY.unique_blocks())
    assert 0 < counts[0][1] <= counts[1][1]


@pytest.mark.slow
def test_enough_time_measures_every_block_once_and_ends(tmp_path: Path) -> None:
    with swept(tmp_path / "all.sqlite", 60.0) as store:
        blocks = [o.workload.blocks[0] for o in store.measurements() if o.workload.role == "block"]

    assert set(blocks) == set(TINY.unique_blocks())
    assert len(blocks) == len(set(blocks))


@pytest.mark.slow
def test_chosen_blocks_cover_the_domain_of_the_space(tmp_path: Path) -> None:
    with swept(tmp_path / "s.sqlite", 6.0) as store:
        measured = [
            measurement.workload.blocks[0]
            for measurement in store.measurements()
            if measurement.workload.role == "block"
        ]

    domain = Domain.of(measured)
    assert len(measured) < len(TINY.unique_blocks())
    assert all(spec in domain for spec in TINY.unique_blocks())


@pytest.mark.slow
def test_stopped_and_resumed_it_is_as_if_undisturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with swept(tmp_path / "whole.sqlite", 10.0) as store:
        expected = {o.workload.key: o.samples_ns.tolist() for o in store.measurements()}
    finished = SweepStore.finish_replicate
    counted = iter(range(100))

    def stop_after_three(self: SweepStore, *args: float) -> None:
        finished(self, *args)  # type: ignore[arg-type]
        if next(counted) == 2:
            raise KeyboardInterrupt

    with SweepStore.create(tmp_path / "part.sqlite", TARGET, PLAN) as store:
        monkeypatch.setattr(SweepStore, "finish_replicate", stop_after_three)
        with pytest.raises(InterruptedSweepError):
            run_sweep(FakeDevice(), FakeBackend(), TARGET, planner(10.0), PLAN, store)
        monkeypatch.undo()
        run_sweep(FakeDevice(), FakeBackend(), TARGET, planner(10.0), PLAN, store)
        result = {o.workload.key: o.samples_ns.tolist() for o in store.measurements()}

    assert result == expected


def test_unrunnable_blocks_are_not_planned() -> None:
    first = planner(6.0).next([])
    assert first is not None

    again = planner(6.0).next([], unrunnable=first)

    assert again
    assert not {*again} & {*first}


def test_a_budget_too_short_for_a_block_is_refused() -> None:
    with pytest.raises(InputError, match="too short for one block in 2 replicates of 3 rounds"):
        planner(0.01).next([])


def test_slow_devices_measure_less() -> None:
    slow = ModelCosts(ns_per_mac=1.0, ns_per_inference=1e6)
    budget = SweepBudget(budget_s=30.0, plan=PLAN, batch=1, costs=slow)

    few, many = BudgetPlanner(TINY, budget, seed=4).next([]), planner(30.0).next([])

    assert few is not None
    assert many is not None
    assert len(few) < len(many)


def test_informative_networks_have_the_requested_resolutions() -> None:
    archs = informative_networks(TINY, np.random.default_rng(0), 6, [24])

    assert len(set(archs)) == 6
    assert {arch.resolution for arch in archs} == {24}


FEW = ("--loads", "2", "--passes", "3")


def run(tmp_path: Path, *more: str) -> int:
    return run_sweep_command(tmp_path, *FEW, *more)


@pytest.mark.slow
def test_the_command_sweeps_within_a_budget(tmp_path: Path) -> None:
    assert run(tmp_path, "--budget", "6s") == 0

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        assert dict(store.plan.requested)["budget"] == "6 s"
        assert store.measurements()


def test_networks_of_a_file_are_measured(tmp_path: Path) -> None:
    lines = [TINY.to_line(arch) for arch in TINY.sample(np.random.default_rng(1), 3)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")

    assert run(tmp_path, "--blocks", "1", "--archs", str(tmp_path / "a.jsonl")) == 0

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        labels = {o.workload.label for o in store.measurements() if o.workload.role == "network"}
    assert labels == set(lines)


def test_another_file_of_networks_is_no_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [TINY.to_line(arch) for arch in TINY.sample(np.random.default_rng(1), 2)]
    archs = ("--blocks", "1", "--archs", str(tmp_path / "a.jsonl"))
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    assert run(tmp_path, *archs) == 0
    (tmp_path / "a.jsonl").write_text(lines[0] + "\n")

    assert run(tmp_path, *archs, "--resume") == 2

    assert "was swept with archs a.jsonl sha256:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--budget", "5"), "expected a time like 90s, 5m or 1h, got '5'"),
        (("--budget", "0s"), "expected a time like"),
        (("--budget", "5m", "--blocks", "3"), "leave --blocks out"),
        (("--budget", "5m", "--ends", "--settle", "1"), "leave --ends, --settle out"),
        (("--archs", "absent.jsonl"), "absent.jsonl"),
    ],
)
def test_incompatible_options_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    assert message in refused(tmp_path, capsys, *FEW, *more)


def test_a_network_of_another_space_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = SearchSpace.load("ofa-mbv3-w1.0")
    (tmp_path / "a.jsonl").write_text(other.to_line(other.smallest()) + "\n")

    assert run(tmp_path, "--archs", str(tmp_path / "a.jsonl")) == 2

    assert "a network of ofa-mbv3-w1.0, not of tiny" in capsys.readouterr().err
