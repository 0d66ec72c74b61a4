"""What measuring itself costs, and whether its intervals hold what they claim."""

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backends.fake import FakeBackend
from bench.devices.cpu.disturbance_monitor import LinuxMonitor
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.repeatability import compare_sweeps
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.host_bursts import time_rounds
from bench.timing.plan import SweepPlan
from supernet.space.space import SearchSpace

FLAWS = SimulatedDisturbances(
    noise=0.03, layout=0.01, level=0.05, drift=0.02, stumbles=0.002, memory_swing=0.03
)
TARGET = Target(device="fake", backend="fake", backend_version="1")


def sweep(path: Path, seed: int, plan: SweepPlan) -> None:
    """Sweep the blocks of `tiny`; the seed determines the simulated disturbances."""
    work = [Workload(role="block", blocks=(s,)) for s in SearchSpace.load("tiny").unique_blocks()]
    device = FakeDevice(flaws=FLAWS, seed=seed)
    with SweepStore.create(path, TARGET, plan) as store:
        run_sweep(device, FakeBackend(), TARGET, ListPlanner(work), plan, store)


@pytest.mark.slow
def test_intervals_hold_another_sweeps_medians_as_often_as_they_claim(tmp_path: Path) -> None:
    for seed in (1, 2):
        sweep(tmp_path / str(seed), seed, SweepPlan())

    figures = compare_sweeps(tmp_path / "1", tmp_path / "2")

    held = (figures["first_holds_second_level_out"] + figures["second_holds_first_level_out"]) / 2
    assert 0.92 <= held <= 0.99
    assert figures["difference_p95_level_out"] < 0.03


def test_a_visit_costs_little_beside_its_calls(benchmark: BenchmarkFixture) -> None:
    calls = [lambda: None] * 200
    plan = ReplicatePlan(rounds=1, samples=3)

    def one_pass() -> None:
        with LinuxMonitor(frozenset(), whole_process=False) as watch:
            list(time_rounds(calls, plan, watch=watch))

    benchmark(one_pass)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [100, 1000])
def test_reading_a_sweep(benchmark: BenchmarkFixture, tmp_path: Path, blocks: int) -> None:
    known = SearchSpace.load("ofa-mbv3-w1.0").unique_blocks()[:blocks]
    work = [Workload(role="block", blocks=(spec,)) for spec in known]
    plan = SweepPlan(replicates=6, rounds=2, samples=2, memory_bytes=10**12, group_s=1e6)
    with SweepStore.create(tmp_path / "a", TARGET, plan) as store:
        run_sweep(FakeDevice(), FakeBackend(), TARGET, ListPlanner(work), plan, store)

    with SweepStore.open(tmp_path / "a") as store:
        measurements = benchmark(store.measurements)

    assert len(measurements) == len(known) + 2
    assert all(np.isfinite(measurement.median_ms) for measurement in measurements)
