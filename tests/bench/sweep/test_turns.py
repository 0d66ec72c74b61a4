"""Several sweeps on one device: their turns, also after a stop, over sessions, and their time."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice
from bench.errors import InputError, InterruptedSweepError
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner, Planner
from bench.sweep.run import SweepPart, run_sweep, run_sweeps
from bench.sweep.spread import AT_ONCE, Spread
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from tests.support.clocks import FakeClock

PLAN = SweepPlan(replicates=4, rounds=1, samples=2)
WORK = [
    Workload(
        role="block",
        blocks=(
            BlockSpec(kind="mbconv", in_size=8, in_channels=n, out_channels=n, mid_channels=n),
        ),
    )
    for n in (8, 16)
]
REPLICATE_S = 7.0


class NamedBackend(FakeBackend):
    """The fake backend by another name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@dataclass(frozen=True, kw_only=True)
class Recorder(FakeDevice):
    """Records whose replicates it measures; each takes some seconds by a fake clock."""

    clock: FakeClock = field(default_factory=FakeClock)
    turns: list[str] = field(default_factory=list)

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        self.turns.append(backend.name)
        self.clock.sleep_quietly(REPLICATE_S)
        yield from FakeDevice.run_replicate(self, work, backend, target, plan)


class Stop(NoProgress):
    """Ctrl-C at the nth round; records stages and notes."""

    def __init__(self, at: int = 0) -> None:
        self._left = at
        self.stages: list[tuple[int, str]] = []
        self.notes: list[str] = []

    def start(self, total: int, what: str) -> None:
        self.stages.append((total, what))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.notes.append(note)
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def target(name: str) -> Target:
    return Target(device="fake", backend=name, backend_version="fake-1")


def measure(  # noqa: PLR0913
    folder: Path,
    names: str = "abc",
    *,
    progress: Progress | None = None,
    clock: FakeClock | None = None,
    spread: Spread = AT_ONCE,
    planners: dict[str, Planner] | None = None,
) -> list[str]:
    """Measure by backends with these names; return whose replicates were measured, in order."""
    clock = clock or FakeClock()
    device, stores = Recorder(clock=clock), []
    for name in names:
        path = folder / f"{name}.sqlite"
        opener = SweepStore.resume if path.exists() else SweepStore.create
        stores.append(opener(path, target(name), PLAN))
    parts = [
        SweepPart(
            backend=NamedBackend(name),
            planner=(planners or {}).get(name, ListPlanner(WORK)),
            store=store,
        )
        for name, store in zip(names, stores, strict=True)
    ]
    try:
        run_sweeps(device, parts, progress or NoProgress(), clock=clock, spread=spread)
    finally:
        for store in stores:
            store.close()
    return device.turns


def samples(path: Path) -> list[float]:
    with SweepStore.open(path) as store:
        return list(map(float, store.to_frame()["ns"]))


def test_each_replicate_is_measured_by_all_and_another_begins_each_time(tmp_path: Path) -> None:
    assert "".join(measure(tmp_path)) == "abcbcacababc"


def test_each_sweep_is_what_it_is_alone(tmp_path: Path) -> None:
    measure(tmp_path)
    with SweepStore.create(tmp_path / "alone.sqlite", target("b"), PLAN) as store:
        run_sweep(FakeDevice(), NamedBackend("b"), target("b"), ListPlanner(WORK), PLAN, store)

    assert samples(tmp_path / "b.sqlite") == samples(tmp_path / "alone.sqlite")


@pytest.mark.parametrize("stop", [1, 2, 4, 5, 11])
def test_a_stop_keeps_finished_replicates_and_a_resume_goes_on_with_the_fewest(
    tmp_path: Path, stop: int
) -> None:
    whole = "abcbcacababc"
    with pytest.raises(InterruptedSweepError) as stopped:
        measure(tmp_path, progress=Stop(stop))

    assert f"stopped with {stop - 1} of 12 replicates done, which" in str(stopped.value)
    assert str(tmp_path / "c.sqlite") in str(stopped.value)
    assert "".join(measure(tmp_path)) == whole[stop - 1 :]
    for name in "abc":
        with SweepStore.open(tmp_path / f"{name}.sqlite") as store:
            assert len(store.replicates()) == 4


def test_the_time_of_others_is_not_a_sweep_s(tmp_path: Path) -> None:
    measure(tmp_path)

    for name in "abc":
        with SweepStore.open(tmp_path / f"{name}.sqlite") as store:
            assert sum(each.wall_s for each in store.sessions()) == 4 * REPLICATE_S


def test_all_end_a_session_before_any_begins_the_next(tmp_path: Path) -> None:
    clock, progress = FakeClock(), Stop()
    turns = measure(
        tmp_path, "ab", clock=clock, spread=Spread(sessions=2, every_s=600.0), progress=progress
    )

    assert "".join(turns) == "abbaabba"
    for name in "ab":
        with SweepStore.open(tmp_path / f"{name}.sqlite") as store:
            spans = store.replicate_times()
            assert spans[2][0] - spans[1][1] >= 600
            assert sum(each.wall_s for each in store.sessions()) == 4 * REPLICATE_S
    # One wait: that of the second sweep ends while the first is measured.
    assert clock.slept_s == 600
    assert [what for _, what in progress.stages] == [
        "measuring, session 1 of 2",
        "waiting (seconds)",
        "measuring, session 2 of 2",
    ]


def test_progress_is_one_stage_with_the_names_of_the_sweeps(tmp_path: Path) -> None:
    progress = Stop()
    measure(tmp_path, "ab", progress=progress)

    assert progress.stages == [(8, "measuring")]
    assert progress.notes[:3] == [
        "a, replicate 1 of 4",
        "b, replicate 1 of 4",
        "b, replicate 2 of 4",
    ]
    assert len(progress.notes) == 8


def test_a_sweep_that_needs_more_is_measured_after_the_others(tmp_path: Path) -> None:
    class Once(ListPlanner):
        """Requests its second workload after the first is measured."""

        def next(self, done, unrunnable=()):  # type: ignore[no-untyped-def]
            work = super().next(done, unrunnable)
            return work and work[:1]

    progress = Stop()
    turns = measure(tmp_path, "ab", planners={"a": Once(WORK)}, progress=progress)

    assert "".join(turns) == "abbaabbaaaaa"
    assert progress.stages == [(8, "measuring"), (4, "measuring")]


def test_two_of_one_backend_are_refused(tmp_path: Path) -> None:
    with SweepStore.create(tmp_path / "1", target("a"), PLAN) as one:
        part = SweepPart(backend=NamedBackend("a"), planner=ListPlanner(WORK), store=one)
        with pytest.raises(InputError, match="are of different backends, got a, a"):
            run_sweeps(FakeDevice(), [part, part])
