"""`sweep --budget`: the time is used, whatever measuring costs beside the timed samples."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from bench.errors import InterruptedSweepError
from bench.protocol.backend import Backend
from bench.protocol.clock import iso
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.elapsed import spent
from bench.sweep.run import run_sweep
from bench.sweep.spread import AT_ONCE, Spread
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from ofabench.workflows.sweep.budget_planner import BudgetPlanner, SweepBudget
from ofabench.workflows.sweep.front_networks import front_networks
from supernet.space.space import ArchConfig, SearchSpace
from tests.support.clocks import NOON_S, FakeClock
from tests.support.sweep_commands import refused, run_sweep_command

TINY = SearchSpace.load("tiny")
TARGET = Target(device="fake", backend="fake", backend_version="fake-1")
PLAN = SweepPlan(replicates=2, rounds=3, seed=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class WallDevice(FakeDevice):
    """A computed device in a wall clock's time, `slow` times that of its timed samples."""

    clock: FakeClock = field(default_factory=FakeClock)
    slow: float = 1.0

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        for result in FakeDevice.run_replicate(self, work, backend, target, plan):
            self.clock.sleep_quietly(self.slow * float(result.samples_ns.sum()) / 1e9)
            yield replace(result, facts={**result.facts, "taken_at": iso(self.clock.now_s)})


def planner(budget_s: float, networks: int | None = None) -> BudgetPlanner:
    budget = SweepBudget(budget_s=budget_s, plan=PLAN, batch=1, costs=FakeDevice().model_costs())
    return BudgetPlanner(TINY, budget, seed=4, networks=networks)


def sweep(  # noqa: PLR0913
    path: Path,
    budget_s: float,
    device: FakeDevice,
    clock: FakeClock,
    *,
    networks: int | None = None,
    progress: Progress | None = None,
    spread: Spread = AT_ONCE,
) -> SweepStore:
    opener = SweepStore.resume if path.exists() else SweepStore.create
    store = opener(path, TARGET, PLAN)
    try:
        run_sweep(
            device,
            FakeBackend(),
            TARGET,
            planner(budget_s, networks),
            PLAN,
            store,
            progress or NoProgress(),
            clock=clock,
            spread=spread,
        )
    except BaseException:
        store.close()
        raise
    return store


def roles(store: SweepStore) -> Counter[str]:
    return Counter(measurement.workload.role for measurement in store.measurements())


@pytest.mark.slow
@pytest.mark.parametrize(("budget_s", "slow"), [(3.0, 1.0), (12.0, 4.0)])
def test_it_ends_within_85_to_105_percent_of_the_time(
    tmp_path: Path, budget_s: float, slow: float
) -> None:
    clock = FakeClock()
    device = WallDevice(
        flaws=SimulatedDisturbances(noise=0.02, stumbles=0.02), clock=clock, slow=slow
    )

    with sweep(tmp_path / "s.sqlite", budget_s, device, clock) as store:
        result = spent(store)
    assert result is not None
    assert result.wall_s == pytest.approx(clock.passed_s)
    # Stored times are exact to a millisecond, of loads that take some tenths of a second.
    assert result.share == pytest.approx(slow, rel=0.05)
    assert result.making_s < 0.2 * result.rounds_s

    assert 0.85 * budget_s <= clock.passed_s <= 1.05 * budget_s


@pytest.mark.slow
def test_wall_time_is_not_used_for_a_device_with_a_separate_clock(tmp_path: Path) -> None:
    with sweep(tmp_path / "s.sqlite", 6.0, FakeDevice(), FakeClock()) as store:
        assert spent(store) is None
        samples_s = sum(float(o.samples_ns.sum()) for o in store.measurements()) / 1e9
    assert samples_s > 0.3


@pytest.mark.slow
def test_remaining_time_is_used_for_more_networks(tmp_path: Path) -> None:
    device = FakeDevice(flaws=SimulatedDisturbances(noise=0.05))
    with sweep(tmp_path / "s.sqlite", 30.0, device, FakeClock()) as store:
        counts, first = roles(store), {g.round: g for g in store.groups()}

    assert counts["network"] > 20
    assert counts["block"] == len(TINY.unique_blocks())
    assert len(first) >= 3


@pytest.mark.slow
def test_networks_that_the_user_counts_are_measured_again_in_place_of_more(tmp_path: Path) -> None:
    with sweep(tmp_path / "s.sqlite", 20.0, FakeDevice(), FakeClock(), networks=4) as store:
        networks = [
            measurement
            for measurement in store.measurements()
            if measurement.workload.role == "network"
        ]

    assert len(networks) == 4
    assert all(PLAN.replicates < network.replicates <= 10 * PLAN.replicates for network in networks)


@pytest.mark.slow
def test_stopped_and_resumed_the_wall_clock_decides_the_same(tmp_path: Path) -> None:
    clocks = [FakeClock(), FakeClock()]
    devices = [WallDevice(clock=clock, slow=4.0) for clock in clocks]
    with sweep(tmp_path / "whole.sqlite", 6.0, devices[0], clocks[0]) as store:
        expected = [group.work for group in store.groups()]

    class Stops(NoProgress):
        steps = 0

        def advance(self, steps: int = 1, note: str = "") -> None:
            self.steps += 1
            if self.steps == 8:
                raise KeyboardInterrupt

    with pytest.raises(InterruptedSweepError):
        sweep(tmp_path / "part.sqlite", 6.0, devices[1], clocks[1], progress=Stops())
    with sweep(tmp_path / "part.sqlite", 6.0, devices[1], clocks[1]) as store:
        result = [group.work for group in store.groups()]

    # What was measured before the stop, and chosen by it, is the same; the wall decides the rest.
    assert result[:2] == expected[:2]
    assert len(result) >= 2


@pytest.mark.slow
def test_a_budget_is_spread_over_sessions_by_its_main_round(tmp_path: Path) -> None:
    clock = FakeClock()
    device = WallDevice(clock=clock, slow=4.0)
    spread = Spread(sessions=2, every_s=600.0, round=1)

    with sweep(tmp_path / "s.sqlite", 6.0, device, clock, spread=spread) as store:
        rounds = {group.number: group.round for group in store.groups()}
        spans = list(zip(store.replicates(), store.replicate_times(), strict=True))
        result, log = spent(store), store.drift_log()

    # The wait is no part of what is spent.
    assert clock.slept_s == pytest.approx(600.0)
    assert result is not None
    assert result.wall_s == pytest.approx(clock.passed_s - 600.0, abs=0.01)
    assert 0.85 * 6.0 <= result.wall_s <= 1.05 * 6.0
    late = [
        (rounds[load.group], load.number) for load, (begun, _) in spans if begun > NOON_S + 600.0
    ]
    assert late[0] == (1, 1)
    assert {number for round_, number in late if round_ == 1} == {1}
    assert log is not None
    assert len(log.sessions) == 2


@pytest.mark.slow
def test_progress_shows_the_seconds_of_the_whole_budget(tmp_path: Path) -> None:
    class Told(NoProgress):
        def __init__(self) -> None:
            self.stretches: list[tuple[int, str]] = []
            self.done = 0

        def start(self, total: int, what: str) -> None:
            self.stretches.append((total, what))

        def advance(self, steps: int = 1, note: str = "") -> None:
            self.done += steps

    output, clock = Told(), FakeClock()
    device = WallDevice(clock=clock, slow=4.0)

    sweep(tmp_path / "s.sqlite", 6.0, device, clock, progress=output).close()

    assert output.stretches == [(6, "measuring (seconds)")]
    assert output.done == int(clock.passed_s)
    # Resumed, it begins where it was.
    again = Told()
    sweep(tmp_path / "s.sqlite", 8.0, device, clock, progress=again).close()
    assert again.stretches == [(8, "measuring (seconds)")]
    assert again.done == int(clock.passed_s)


def test_front_networks_are_larger_than_random_ones_of_the_same_latency() -> None:
    costs_ms = {
        spec: 0.01 + spec.macs / 1e8 + (0.02 if spec.kernel == 5 else 0.0)
        for spec in TINY.unique_blocks()
    }
    rng = np.random.default_rng(0)

    def ms(arch: ArchConfig) -> float:
        return sum(costs_ms[block] for block in TINY.blocks(arch))

    def macs(arch: ArchConfig) -> int:
        return sum(block.macs for block in TINY.blocks(arch))

    front = front_networks(TINY, rng, costs_ms, 12)
    random = TINY.sample(np.random.default_rng(1), 400)

    assert 6 <= len(front) <= 12
    assert [ms(arch) for arch in front] == sorted(ms(arch) for arch in front)
    for arch in front:
        within = [macs(other) for other in random if abs(ms(other) / ms(arch) - 1) < 0.03]
        assert len(within) < 20 or macs(arch) >= np.percentile(within, 90)


def test_front_networks_have_the_requested_resolutions_and_depend_on_the_seed() -> None:
    costs_ms = {spec: 1.0 + spec.macs / 1e6 for spec in TINY.unique_blocks()}

    first = front_networks(TINY, np.random.default_rng(3), costs_ms, 8, [24])

    assert first == front_networks(TINY, np.random.default_rng(3), costs_ms, 8, [24])
    assert {arch.resolution for arch in first} == {24}


@pytest.mark.slow
def test_a_budget_ends_with_the_anchors_once_more(tmp_path: Path) -> None:
    few = ("--loads", "2", "--passes", "3", "--budget", "8s")

    assert run_sweep_command(tmp_path, *few) == 0
    assert run_sweep_command(tmp_path, *few, "--resume") == 0  # which adds none

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        (session,) = store.drift_sessions()
        log = store.drift_log()
    assert log is not None
    assert (len(log.anchors), len(session.replicates)) == (5, 2)
    # Within five minutes of the sweep it is the same measurement session.
    assert len(log.sessions) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--every", "6m"), "--every is the pause between --sessions"),
        (("--sessions", "2", "--every", "4m"), "--every is 240 s, expected at least 300 s (5m)"),
        (("--sessions", "7"), "--sessions is 7, but there are only 6 replicates to split"),
        (("--sessions", "4", "--budget", "5m"), "but there are only 3 replicates to split"),
        (("--sessions", "0"), "--sessions"),
    ],
)
def test_sessions_that_do_not_fit_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    assert message in refused(tmp_path, capsys, *more)


def test_other_sessions_are_no_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--blocks", "1", "--loads", "2", "--passes", "1")
    assert run_sweep_command(tmp_path, *few) == 0

    assert run_sweep_command(tmp_path, *few, "--sessions", "2", "--resume") == 2

    assert "sessions None and not 2, 300 s apart" in capsys.readouterr().err
