"""`drift`: when sessions are measured, what ends a log, and what it shows."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ofabench as ob
from bench.backends.fake import FakeBackend
from bench.devices.fake import FakeDevice
from bench.errors import (
    DeviceError,
    FileError,
    InputError,
    InterruptedSweepError,
    TargetMismatchError,
)
from bench.protocol.clock import iso
from bench.protocol.progress import NoProgress
from bench.sweep.drift_session import drift_log_to_extend, measure_session
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.waiting import wait_until
from bench.timing.plan import SweepPlan
from latency_models.drift.provenance import drift_log_of
from ofabench.cli import main as cli
from ofabench.options.drift import DriftOptions
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.sweep.drift import keep_log
from ofabench.workflows.sweep.sweep_setup import make_target, sweep_work
from supernet.space.space import SearchSpace
from tests.support.aged_sweeps import age
from tests.support.clocks import NOON_S, FakeClock

TINY = SearchSpace.load("tiny")
TARGET = make_target(FakeDevice(), FakeBackend())
PLAN = SweepPlan(replicates=2, rounds=2, samples=2, requested=(("space", "tiny"),))
SESSION_S = 20.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path, clock: FakeClock) -> Path:
    """A sweep of six networks that has just ended."""
    with SweepStore.create(tmp_path / "s.sqlite", TARGET, PLAN, space_toml=TINY.text) as store:
        planner = ListPlanner(sweep_work(TINY, blocks=2, networks=6))
        run_sweep(FakeDevice(), FakeBackend(), TARGET, planner, PLAN, store, clock=clock)
    return tmp_path / "s.sqlite"


def sessions_of(path: Path, clock: FakeClock) -> Callable[[], None]:
    """What measures a session that takes 20 s."""

    def session() -> None:
        with SweepStore.resume(path, TARGET, PLAN) as store:
            log = drift_log_to_extend(store)
            result = measure_session(
                FakeDevice(), FakeBackend(), store, log, NoProgress(), forced=False, clock=clock
            )
            clock.sleep_quietly(SESSION_S)
            store.add_drift_session(
                type(result)(
                    **{
                        **{n: getattr(result, n) for n in result.__slots__},
                        "ended_at": iso(clock.now_s),
                    }
                )
            )

    return session


def log(path: Path, clock: FakeClock, session: Callable[[], None], **options: Any) -> Any:
    return keep_log(
        path,
        DriftOptions(**options),
        session,
        NoProgress(),
        resume_with="ofabench drift s.sqlite",
        clock=clock,
    )


def starts_s(path: Path) -> list[float]:
    with SweepStore.open(path) as store:
        return [session.span_s[0] - NOON_S for session in store.drift_sessions()]


def test_a_session_too_soon_is_refused_with_the_time_to_wait(path: Path, clock: FakeClock) -> None:
    clock.sleep_quietly(100)

    with pytest.raises(InputError, match=r"ended 100 s ago.*measure in 200 s, or give --every 5m"):
        log(path, clock, sessions_of(path, clock))

    assert starts_s(path) == []
    assert clock.slept_s == 0


@pytest.mark.slow
def test_one_session_later_is_measured_and_shown(path: Path, clock: FakeClock) -> None:
    clock.sleep_quietly(3600)

    done = log(path, clock, sessions_of(path, clock))

    assert starts_s(path) == [3600]
    assert (done.measured, len(done.log.sessions), len(done.log.anchors)) == (1, 2, 5)
    shown = str(done).splitlines()
    assert shown[0].endswith("5 anchor networks in 2 sessions, 1 of them new; " + TARGET.key)
    assert shown[1].split() == ["session", "(UTC)", "drift", "anchors", "from", "to", "note"]
    assert shown[3].startswith("2026-03-01 13:00")
    data = json.loads(json.dumps(done.to_dict(), allow_nan=False))
    assert [item["started_at"][:16] for item in data["sessions"]] == [
        "2026-03-01T12:00",
        "2026-03-01T13:00",
    ]
    assert set(data["sessions"][1]) == {
        "started_at", "drift", "anchors_low", "anchors_high", "ms", "forced",
    }  # fmt: skip
    assert "<table>" in done._repr_html_()


@pytest.mark.slow
def test_repeated_sessions_begin_five_minutes_after_the_end_of_the_one_before(
    path: Path, clock: FakeClock
) -> None:
    done = log(path, clock, sessions_of(path, clock), every_s=300.0, for_s=1300.0)

    # The sweep ended at 0: the first at 300, takes 20 s; the next ones at 620, 940, 1260.
    assert starts_s(path) == pytest.approx([300, 620, 940, 1260])
    assert done.measured == 4
    assert len(done.log.sessions) == 5


@pytest.mark.slow
def test_a_longer_time_between_counts_from_start_to_start(path: Path, clock: FakeClock) -> None:
    clock.sleep_quietly(1000)

    log(path, clock, sessions_of(path, clock), every_s=600.0, for_s=1300.0)

    assert starts_s(path) == pytest.approx([1000, 1600, 2200])


@pytest.mark.slow
def test_a_session_on_a_busy_device_is_skipped(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    measure, calls = sessions_of(path, clock), iter(range(9))

    def session() -> None:
        if next(calls) == 1:
            raise DeviceError("the device is busy: a game; stop it, or use --force")
        measure()

    with caplog.at_level(logging.WARNING):
        done = log(path, clock, session, every_s=600.0, for_s=1600.0)

    assert starts_s(path) == pytest.approx([300, 1500])
    assert (done.measured, len(done.skipped)) == (2, 1)
    assert "2026-03-01 12:15: the device is busy: a game" in done.skipped[0]
    assert "skipped     2026-03-01 12:15" in str(done)
    assert "a session is skipped: the device is busy" in caplog.text


def test_a_log_without_any_session_gives_the_reason(path: Path, clock: FakeClock) -> None:
    def session() -> None:
        raise DeviceError("adb:1 is not there")

    with pytest.raises(DeviceError, match="adb:1 is not there"):
        log(path, clock, session, every_s=300.0, for_s=1000.0)
    clock.sleep_quietly(3600)
    with pytest.raises(DeviceError, match="adb:1 is not there"):
        log(path, clock, session)


def test_another_device_ends_a_log_at_once(path: Path, clock: FakeClock) -> None:
    def session() -> None:
        raise TargetMismatchError("the anchor network does not run any more")

    with pytest.raises(TargetMismatchError):
        log(path, clock, session, every_s=300.0)


@pytest.mark.slow
def test_a_stopped_log_keeps_its_sessions_and_names_the_command_to_resume(
    path: Path, clock: FakeClock
) -> None:
    measure, calls = sessions_of(path, clock), iter(range(9))

    def session() -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        measure()

    with pytest.raises(InterruptedSweepError) as caught:
        log(path, clock, session, every_s=300.0, for_s=7200.0)

    message = str(caught.value)
    assert message.startswith("stopped after 2 sessions, stored in ")
    assert "continue with: ofabench drift s.sqlite" in message
    assert "--for had 104m left" in message  # 7200 s less 940 s
    assert starts_s(path) == pytest.approx([300, 620])
    log(path, clock, sessions_of(path, clock), every_s=300.0, for_s=10.0)
    assert starts_s(path) == pytest.approx([300, 620, 940])


@pytest.mark.slow
def test_a_session_on_another_day_is_added(path: Path, clock: FakeClock) -> None:
    clock.sleep_quietly(3600)
    log(path, clock, sessions_of(path, clock))
    clock.sleep_quietly(86400)

    done = log(path, clock, sessions_of(path, clock))

    assert [session.started_at[:10] for session in done.log.sessions] == [
        "2026-03-01", "2026-03-01", "2026-03-02",
    ]  # fmt: skip


def test_a_clock_set_back_is_refused(path: Path, clock: FakeClock) -> None:
    clock.jump(-3600)
    for options in ({}, {"every_s": 300.0}):
        with pytest.raises(InputError, match="the clock says 2026-03-01T11:00:00, the last"):
            log(path, clock, sessions_of(path, clock), **options)


def test_waiting_ends_though_the_clock_is_set_back(clock: FakeClock) -> None:
    calls = iter(range(999))

    def note(now_s: float) -> str:
        if next(calls) == 5:
            clock.jump(-10_000)
        return f"{now_s}"

    wait_until(NOON_S + 20, clock, NoProgress(), note)

    assert clock.slept_s == pytest.approx(20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_s": 299.0}, "--every is 299 s, expected at least 300 s"),
        ({"for_s": 60.0}, "--for needs --every"),
    ],
)
def test_incompatible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DriftOptions(**options)


@pytest.mark.slow
def test_python_and_the_command_line_extend_the_same_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    few = SweepOptions(blocks=2, networks=3, replicates=2, rounds=2)
    swept = ob.sweep("tiny", "fake", "fake", out=out, options=few)
    age(out, 7200)
    assert len(ob.drift(swept, "fake").log.sessions) == 2
    age(out, 3600)

    assert cli.main(["drift", str(out), "--device", "fake", "--json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert (data["measured"], len(data["sessions"]), len(data["anchors"])) == (1, 3, 3)
    kept = ob.open_sweep(out).drift_log
    assert kept is not None
    assert len(kept.sessions) == 3


def test_wrong_input_is_refused_and_changes_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    few = SweepOptions(blocks=2, replicates=2, rounds=2)
    ob.sweep("tiny", "fake", "fake", out=out, options=few)
    age(out, 7200)
    before = out.read_bytes()

    assert cli.main(["drift", str(out), "--device", "fake"]) == 2
    assert "holds no whole networks" in capsys.readouterr().err
    assert cli.main(["drift", str(out)]) == 2  # the default is cpu
    assert "the sweep's fake" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected a Sweep or the path"):
        ob.drift(3, "fake")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected DriftOptions"):
        ob.drift(out, "fake", options=7)  # type: ignore[arg-type]
    with pytest.raises(FileError, match="cannot read"):
        ob.drift(tmp_path / "nowhere.sqlite", "fake")

    assert out.read_bytes() == before


@pytest.mark.slow
def test_the_log_is_part_of_tables_and_of_the_predictor_fitted_from_them(tmp_path: Path) -> None:
    out = tmp_path / "s.sqlite"
    few = SweepOptions(blocks=30, networks=6, replicates=2, rounds=2)
    swept = ob.sweep("tiny", "fake", "fake", out=out, options=few)
    age(out, 7200)
    done = ob.drift(out, "fake")
    blocks, networks = tmp_path / "t.parquet", tmp_path / "n.parquet"
    tables = ("--out", str(blocks), "--networks-out", str(networks))
    assert cli.main(["table", "build", str(out), *tables]) == 0

    fitted = ob.fit(blocks, networks)
    fitted.save(tmp_path / "p.parquet")
    loaded = ob.load_predictor(tmp_path / "p.parquet")

    for kept in (
        swept.drift_log,
        drift_log_of(ob.fit(swept.blocks(), swept.networks()).provenance),
        drift_log_of(fitted.provenance),
        drift_log_of(loaded.provenance),
    ):
        assert kept == done.log
