"""Sweeps on the fake device: stopped anywhere, resumed, and equal to the last digit."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend, block_cost_ns
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from bench.errors import InputError, InterruptedSweepError, TargetMismatchError
from bench.protocol.device import ModelCosts, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.memory_batching import footprint_bytes, lay_groups
from bench.sweep.planner import ListPlanner, Planner, SettlingPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.summary import summarise
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan
from bench.timing.references import COMPUTE, COPIES, MEMORY, with_references

FLAWS = SimulatedDisturbances(
    noise=0.02, layout=0.01, level=0.1, drift=0.05, stumbles=0.01, memory_swing=0.05
)
DEVICE = FakeDevice(flaws=FLAWS)
TARGET = Target(device="fake", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=2, rounds=3, samples=2)


def blocks(count: int) -> list[Workload]:
    specs = [
        BlockSpec(
            kind="mbconv", in_size=14, in_channels=8 * i, out_channels=8 * i, mid_channels=32 * i
        )
        for i in range(1, count + 1)
    ]
    return [Workload(role="block", blocks=(spec,)) for spec in specs]


def sweep(  # noqa: PLR0913
    path: Path,
    *,
    plan: SweepPlan = PLAN,
    device: FakeDevice = DEVICE,
    planner: Planner | None = None,
    progress: Progress | None = None,
    resume: bool = False,
) -> None:
    opener = SweepStore.resume if resume else SweepStore.create
    with opener(path, TARGET, plan) as store:
        run_sweep(
            device,
            FakeBackend(),
            TARGET,
            planner or ListPlanner(blocks(5)),
            plan,
            store,
            progress or NoProgress(),
            resume_with="ofabench sweep ... --resume",
        )


def contents(path: Path) -> list[tuple[object, ...]]:
    """Return every row of the measurements; sessions are left out, since they hold dates."""
    with closing(sqlite3.connect(path)) as db, db:
        rows = []
        for table in ("meta", "workload", "load_group", "load", "pass"):
            result = db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            rows += [(table, *row) for row in result]
    db.close()
    return rows


def measured(path: Path) -> dict[str, Measurement]:
    with SweepStore.open(path) as store:
        return {measurement.workload.key: measurement for measurement in store.measurements()}


class Stopper(NoProgress):
    """Progress that counts rounds, calls `at_round` after each, and stops after one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.rounds = 0
        self.total = 0
        self._stop_at = stop_at

    def start(self, total: int, what: str) -> None:
        self.total += total
        del what

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self.rounds += steps
        self.at_round()
        if self.rounds == self._stop_at:
            raise KeyboardInterrupt

    def at_round(self) -> None:
        pass


def test_blocks_and_reference_workloads_get_the_planned_samples(tmp_path: Path) -> None:
    sweep(tmp_path / "a.sqlite")

    result = measured(tmp_path / "a.sqlite")

    assert set(result) == {work.key for work in [*blocks(5), COMPUTE, MEMORY]}
    shapes = {key: measurement.samples_ns.shape for key, measurement in result.items()}
    assert shapes.pop(COMPUTE.key) == shapes.pop(MEMORY.key) == (2, 3 * COPIES, 2)
    assert set(shapes.values()) == {(2, 3, 2)}


def test_medians_equal_the_simulated_costs_without_disturbances(tmp_path: Path) -> None:
    sweep(tmp_path / "a.sqlite", device=FakeDevice(flaws=SimulatedDisturbances(cold=0.25)))

    result = measured(tmp_path / "a.sqlite")

    for work in blocks(5):
        wanted_ms = (3_000 + block_cost_ns(work.blocks[0])) / 1e6
        assert result[work.key].median_ms == pytest.approx(wanted_ms, rel=1e-3)
        assert result[work.key].cold_ms == pytest.approx(1.25 * wanted_ms, rel=1e-3)
        assert result[work.key].narrow_interval


@pytest.mark.slow
def test_ratios_between_blocks_are_right_despite_noise_and_drift(tmp_path: Path) -> None:
    flaws = SimulatedDisturbances(noise=0.02, layout=0.005, level=0.3, drift=0.5, stumbles=0.02)
    sweep(tmp_path / "a.sqlite", device=FakeDevice(flaws=flaws), plan=SweepPlan())

    result = measured(tmp_path / "a.sqlite")
    median_ms = np.array([result[work.key].median_ms for work in blocks(5)])
    wanted = np.array([3_000 + block_cost_ns(work.blocks[0]) for work in blocks(5)])

    assert median_ms / median_ms.mean() == pytest.approx(wanted / wanted.mean(), rel=0.015)


@pytest.mark.slow
def test_samples_are_reproducible_and_depend_on_the_seed(tmp_path: Path) -> None:
    for name, plan in (("a", PLAN), ("b", PLAN), ("c", SweepPlan(replicates=2, rounds=3, seed=1))):
        sweep(tmp_path / name, plan=plan)

    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a sweep of two groups and copies of its file after every round."""
    folder = tmp_path_factory.mktemp("crashes")
    whole = folder / "whole"

    class Copier(Stopper):
        def at_round(self) -> None:
            shutil.copy(whole, folder / f"at{self.rounds}")
            shutil.copy(f"{whole}-wal", folder / f"at{self.rounds}-wal")

    sweep(whole, plan=two_groups(), progress=Copier())
    return folder


def two_groups() -> SweepPlan:
    room = sum(footprint_bytes(work, 1) for work in with_references(blocks(3)))
    return SweepPlan(replicates=2, rounds=3, samples=2, memory_bytes=room + 200_000)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", range(1, 13))
def test_a_sweep_killed_after_a_round_and_resumed_equals_an_uninterrupted_sweep(
    crashes: Path, tmp_path: Path, boundary: int
) -> None:
    path = tmp_path / "killed"
    shutil.copy(crashes / f"at{boundary}", path)
    shutil.copy(crashes / f"at{boundary}-wal", f"{path}-wal")
    with SweepStore.open(path) as store:
        assert (
            len(store.replicates()) == (boundary - 1) // 3
        )  # at most the current replicate is lost

    sweep(path, plan=two_groups(), resume=True)

    assert contents(path) == contents(crashes / "whole")
    whole = measured(crashes / "whole")
    for key, measurement in measured(path).items():
        assert measurement.samples_ns.tobytes() == whole[key].samples_ns.tobytes()
        assert measurement.drift.tobytes() == whole[key].drift.tobytes()
        assert measurement.facts == whole[key].facts
        assert measurement.taken_at == whole[key].taken_at


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.bench.sweep import test_run as t

class Killer(t.Stopper):
    def at_round(self):
        if self.rounds == 5:
            os.kill(os.getpid(), signal.SIGKILL)

t.sweep(Path(sys.argv[1]), progress=Killer())
"""


@pytest.mark.slow
def test_kill_9_loses_at_most_the_current_replicate(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    path, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", KILLED, str(path)]

    code = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    ).returncode

    assert code == -signal.SIGKILL
    with SweepStore.open(path) as store:
        assert [replicate.number for replicate in store.replicates()] == [0]
    sweep(path, resume=True)
    sweep(whole)
    assert contents(path) == contents(whole)


def test_finished_replicates_stay_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(InterruptedSweepError):
        sweep(path, progress=Stopper(5))
    first = [row for row in contents(path) if row[0] == "pass" and row[1] == 1]

    # A device that behaves differently shows that the old replicate is not measured again.
    sweep(path, device=FakeDevice(flaws=FLAWS, seed=9), resume=True)

    assert [row for row in contents(path) if row[0] == "pass" and row[1] == 1] == first


def test_ctrl_c_reports_finished_replicates_and_how_to_continue(tmp_path: Path) -> None:
    with pytest.raises(InterruptedSweepError) as caught:
        sweep(tmp_path / "a", progress=Stopper(4))

    message = str(caught.value)
    assert message.startswith("stopped with 1 of 2 replicates done, which ")
    assert message.endswith("continue with: ofabench sweep ... --resume")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a"]  # closed: no log is left


def test_resuming_a_finished_sweep_measures_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "a")
    before, counter = contents(tmp_path / "a"), Stopper()

    sweep(tmp_path / "a", progress=counter, resume=True)

    assert contents(tmp_path / "a") == before
    assert counter.rounds == 0


@pytest.mark.slow
def test_progress_counts_every_round(tmp_path: Path) -> None:
    counter = Stopper()

    sweep(tmp_path / "a", plan=two_groups(), progress=counter)

    assert (counter.rounds, counter.total) == (12, 12)


def test_disturbed_rounds_are_repeated_while_time_lasts_and_left_out(tmp_path: Path) -> None:
    flaws = SimulatedDisturbances(memory_swing=0.10)
    plan = SweepPlan(replicates=2, rounds=10, samples=3)
    sweep(tmp_path / "a", device=FakeDevice(flaws=flaws), plan=plan)

    with SweepStore.open(tmp_path / "a") as store:
        summary = summarise(store)
        rounds = [len(replicate.rounds) for replicate in store.replicates()]
        result = {measurement.workload.key: measurement for measurement in store.measurements()}

    assert summary.disturbed_rounds > 0
    assert summary.rounds == sum(rounds) == 20 + summary.disturbed_rounds
    assert max(rounds) <= plan.max_rounds == 13
    assert result[MEMORY.key].samples_ns.shape == (2, 10 * COPIES, 3)
    # No round is left in which memory was slow; single bursts of a round may have been.
    last_ns = result[MEMORY.key].samples_ns[:, :, -1].reshape(2, 10, COPIES)
    by_round_ns = np.median(last_ns, axis=2)
    assert by_round_ns.max() / by_round_ns.min() < 1.02


@pytest.mark.slow
def test_groups_measured_at_different_drift_share_a_scale(tmp_path: Path) -> None:
    device = FakeDevice(flaws=SimulatedDisturbances(level=0.5, layout=0.002))
    sweep(tmp_path / "a", device=device, plan=two_groups())

    result = measured(tmp_path / "a")
    median_ms = np.array([result[work.key].median_ms for work in blocks(5)])
    wanted = np.array([3_000 + block_cost_ns(work.blocks[0]) for work in blocks(5)])

    assert median_ms / median_ms.mean() == pytest.approx(wanted / wanted.mean(), rel=0.01)


def test_groups_hold_each_workload_once_except_shared_ones() -> None:
    work = blocks(40)
    room = sum(footprint_bytes(with_reference, 1) for with_reference in with_references(work[:25]))

    groups = lay_groups(work, SweepPlan(), 1, room)

    assert len(groups) > 1
    assert {workload for group in groups for workload in group} == {*work, COMPUTE, MEMORY}
    assert all(group.count(MEMORY) == group.count(COMPUTE) == COPIES for group in groups)
    shared = set.intersection(*(set(group) for group in groups)) - {COMPUTE, MEMORY}
    assert len(shared) == 8
    for workload in set(work) - shared:
        assert sum(workload in group for group in groups) == 1


def test_the_planned_time_limits_the_size_of_groups() -> None:
    work = blocks(40)

    assert len(lay_groups(work, SweepPlan(group_s=60), 1, 10**12)) == 1
    assert len(lay_groups(work, SweepPlan(group_s=0.02), 1, 10**12)) > 3


def test_groups_of_a_faster_device_are_larger() -> None:
    work, fast = blocks(40), ModelCosts(ns_per_mac=1e-3, ns_per_inference=5_000.0)
    plan = SweepPlan(group_s=0.1)

    assert len(lay_groups(work, plan, 1, 10**12, fast)) < len(lay_groups(work, plan, 1, 10**12))


def test_memory_of_a_model_depends_on_device_and_precision() -> None:
    (workload,) = blocks(1)
    (spec,) = workload.blocks
    weights = 2.5 * 4 * spec.params
    # Input and output have 14 x 14 pixels of 8 channels; two inner activations have 32.
    ends, inner = 4 * 14**2 * 8, 2 * 4 * 14**2 * 32
    shared = ModelCosts(inner_shared=True)

    assert footprint_bytes(workload, 2) == int(1_500_000 + weights + 2 * (2 * ends + inner))
    assert footprint_bytes(workload, 2, shared) == int(1_500_000 + weights + 2 * ends)
    half = footprint_bytes(workload, 2, shared, "fp16")
    assert half == int(1_500_000 + (weights + 2 * ends) / 2)


@pytest.mark.slow
def test_a_planner_may_choose_workloads_by_earlier_measurements(tmp_path: Path) -> None:
    class Doubler:
        """Planner that requests twice the width of the slowest block, up to 32 channels."""

        def next(
            self, done: Sequence[Measurement], unrunnable: Collection[Workload] = ()
        ) -> Sequence[Workload] | None:
            del unrunnable
            measured_blocks = [
                measurement for measurement in done if measurement.workload.role == "block"
            ]
            if not measured_blocks:
                return blocks(1)
            costliest = max(measured_blocks, key=lambda measurement: measurement.median_ms)
            step = costliest.workload.blocks[0].in_channels // 8 * 2
            return None if step > 4 else [blocks(step)[-1]]

    sweep(tmp_path / "a", planner=Doubler())
    with pytest.raises(InterruptedSweepError):
        sweep(tmp_path / "b", planner=Doubler(), progress=Stopper(8))
    sweep(tmp_path / "b", planner=Doubler(), resume=True)

    widths = [
        measurement.workload.blocks[0].in_channels
        for measurement in measured(tmp_path / "a").values()
    ]
    assert {8, 16, 32} <= set(widths)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.slow
def test_unsettled_workloads_are_measured_again(tmp_path: Path) -> None:
    device = FakeDevice(flaws=SimulatedDisturbances(noise=0.055, level=0.2))
    path, work = tmp_path / "a", blocks(8)
    plan = SweepPlan(rounds=3)
    sweep(path, device=device, plan=plan, planner=ListPlanner(work))
    before = measured(path)
    unsettled = {workload.key for workload in work if not before[workload.key].narrow_interval}

    again = SettlingPlanner(work, again=1, replicates=plan.replicates)
    sweep(path, device=device, plan=plan, planner=again, resume=True)

    after = measured(path)
    replicates = {workload.key: after[workload.key].replicates for workload in work}
    assert 0 < len(unsettled) < len(work)
    assert replicates == {key: 12 if key in unsettled else 6 for key in replicates}
    assert np.mean([after[key].half_width for key in unsettled]) < np.mean(
        [before[key].half_width for key in unsettled]
    )
    assert again.next(list(after.values())) is None


def test_a_sweep_with_another_plan_is_refused(tmp_path: Path) -> None:
    planner = ListPlanner(blocks(1))
    with (
        SweepStore.create(tmp_path / "a", TARGET, PLAN) as store,
        pytest.raises(TargetMismatchError),
    ):
        run_sweep(DEVICE, FakeBackend(), TARGET, planner, SweepPlan(seed=3), store)


@pytest.mark.parametrize(
    "field", [{"replicates": 0}, {"rounds": -1}, {"samples": 0}, {"group_s": float("nan")}]
)
def test_a_plan_that_measures_nothing_is_refused(field: dict[str, int]) -> None:
    with pytest.raises(InputError):
        SweepPlan(**field)  # type: ignore[arg-type]


def test_an_empty_list_is_refused_and_duplicates_are_measured_once() -> None:
    with pytest.raises(InputError, match="at least one"):
        ListPlanner([])
    assert ListPlanner(blocks(2) + blocks(3)).next([]) == blocks(3)
