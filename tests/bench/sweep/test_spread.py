"""Sweeps over several measurement sessions: their times, also after a kill and resume."""

from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice
from bench.errors import InputError, InterruptedSweepError
from bench.protocol.clock import iso
from bench.protocol.device import Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner, SettlingPlanner
from bench.sweep.run import run_sweep
from bench.sweep.spread import Spread
from bench.sweep.store import SweepStore
from bench.sweep.store_rows import Group
from bench.timing.plan import SweepPlan
from tests.support.clocks import NOON_S, FakeClock

BACKEND = FakeBackend()
TARGET = Target(device="fake", backend="fake", backend_version=BACKEND.version())
PLAN = SweepPlan(replicates=6, rounds=1, samples=2)
THREE = Spread(sessions=3, every_s=600.0)
WORK = [
    Workload(
        role="network",
        blocks=(BlockSpec(kind="mbconv", in_size=8, in_channels=n, out_channels=n, mid_channels=n),)
        * 2,
        label=f"net {n}",
    )
    for n in (8, 16, 24)
]


class Interrupts(NoProgress):
    """Ctrl-C at the nth step of a stage whose name begins with `what`."""

    def __init__(self, what: str, step: int) -> None:
        self._what, self._left = what, step
        self._on = False

    def start(self, total: int, what: str) -> None:
        self._on = what.startswith(self._what)

    def advance(self, steps: int = 1, note: str = "") -> None:
        if self._on:
            self._left -= steps
            if self._left <= 0:
                raise KeyboardInterrupt


class RecordedProgress(NoProgress):
    """Records stages and notes."""

    def __init__(self) -> None:
        self.stages: list[tuple[int, str]] = []
        self.notes: list[str] = []

    def start(self, total: int, what: str) -> None:
        self.stages.append((total, what))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.notes.append(note)


def sweep(
    path: Path, clock: FakeClock, progress: Progress | None = None, spread: Spread = THREE
) -> None:
    opener = SweepStore.resume if path.exists() else SweepStore.create
    with opener(path, TARGET, PLAN) as store:
        run_sweep(
            FakeDevice(),
            BACKEND,
            TARGET,
            ListPlanner(WORK),
            PLAN,
            store,
            progress or NoProgress(),
            clock=clock,
            spread=spread,
        )


def starts_s(path: Path) -> list[float]:
    with SweepStore.open(path) as store:
        return [begun - NOON_S for begun, _ in store.replicate_times()]


@pytest.mark.slow
def test_replicates_are_split_among_the_sessions(tmp_path: Path) -> None:
    progress = RecordedProgress()

    sweep(tmp_path / "s.sqlite", FakeClock(), progress)

    assert starts_s(tmp_path / "s.sqlite") == [0, 0, 600, 600, 1200, 1200]
    assert progress.stages == [
        (2, "measuring, session 1 of 3"),
        (600, "waiting (seconds)"),
        (2, "measuring, session 2 of 3"),
        (600, "waiting (seconds)"),
        (2, "measuring, session 3 of 3"),
    ]
    assert any(note.startswith("until session 2 of 3") for note in progress.notes)
    with SweepStore.open(tmp_path / "s.sqlite") as store:
        log = store.drift_log()
        # Waits do not count as measuring time.
        assert [session.wall_s for session in store.sessions()] == [0.0]
    assert log is not None
    assert [s.started_at for s in log.sessions] == [iso(NOON_S + at) for at in (0, 600, 1200)]


@pytest.mark.slow
def test_the_time_between_sessions_starts_at_the_end_of_one(tmp_path: Path) -> None:
    # Each reading advances this clock by a second: a replicate ends 1 s after its start.
    sweep(tmp_path / "s.sqlite", FakeClock(tick_s=1.0), spread=Spread(sessions=2, every_s=600.0))

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        times = store.replicate_times()
    assert 600 <= times[3][0] - times[2][1] < 610


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "step", "later_s", "expected"),
    [
        # Killed in the first wait, after 100 s; resumed 50 s later: it waits 450 s more.
        ("waiting", 100, 50.0, [0, 0, 600, 600, 1200, 1200]),
        # Killed in the first wait; resumed the next day: it measures at once.
        ("waiting", 100, 86_400.0, [0, 0, 86_500, 86_500, 87_100, 87_100]),
        # Killed in the second replicate of the second session: it measures the rest at once.
        ("measuring, session 2", 2, 30.0, [0, 0, 600, 630, 1230, 1230]),
    ],
)
def test_a_killed_sweep_resumes_at_the_right_time(
    tmp_path: Path, what: str, step: int, later_s: float, expected: list[float]
) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    with pytest.raises(InterruptedSweepError, match="of 6 replicates done"):
        sweep(path, clock, Interrupts(what, step))
    clock.sleep_quietly(later_s)

    sweep(path, clock)

    assert starts_s(path) == pytest.approx(expected)


def test_a_clock_set_back_between_sessions_is_refused(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    with pytest.raises(InterruptedSweepError):
        sweep(path, clock, Interrupts("waiting", 10))
    clock.jump(-4000)

    with pytest.raises(InputError, match="the clock says 2026-03-01T10:53:30, the last session"):
        sweep(path, clock)


@pytest.mark.slow
def test_later_rounds_of_a_planner_are_measured_at_once(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    plan = SweepPlan(replicates=2, rounds=1, samples=2)

    class TwicePlanner(SettlingPlanner):
        """Measures all workloads twice."""

        rounds = iter(range(9))

        def next(self, done, unrunnable=()):  # type: ignore[no-untyped-def]
            return WORK if next(self.rounds) < 2 else None

    with SweepStore.create(path, TARGET, plan) as store:
        run_sweep(
            FakeDevice(),
            BACKEND,
            TARGET,
            TwicePlanner(WORK, again=1, replicates=2),
            plan,
            store,
            clock=clock,
            spread=Spread(sessions=2),
        )

    assert starts_s(path) == [0, 300, 300, 300]


def test_replicates_are_assigned_to_sessions_by_hand() -> None:
    group = Group(number=1, round=0, work=())

    assert [Spread(sessions=3).session_of(group, n, 6) for n in range(6)] == [0, 0, 1, 1, 2, 2]
    # Five replicates in three sessions: 0, 3/5, 6/5, 9/5 and 12/5, rounded down.
    assert [Spread(sessions=3).session_of(group, n, 5) for n in range(5)] == [0, 0, 1, 1, 2]
    assert Spread(sessions=3, round=1).session_of(group, 5, 6) == 0


@pytest.mark.parametrize(
    ("spread", "text"),
    [
        (Spread(sessions=7), "6 replicates cannot be spread over 7 sessions.*--replicates 7"),
        (Spread(sessions=0), "cannot be spread over 0 sessions"),
        (Spread(sessions=2, every_s=299.0), "at least 300 s apart, got 299 s"),
    ],
)
def test_an_impossible_spread_is_refused(tmp_path: Path, spread: Spread, text: str) -> None:
    with pytest.raises(InputError, match=text):
        sweep(tmp_path / "s.sqlite", FakeClock(), spread=spread)
