"""Drift sessions in a sweep's file, and the drift log computed from them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.backends.fake import FakeBackend
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from bench.drift.log import Anchor
from bench.errors import FileError, InputError, TargetMismatchError
from bench.protocol.clock import iso
from bench.protocol.device import Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.drift_log import NetworkStretch, drift_log_of, merged
from bench.sweep.drift_rows import DriftReplicate, DriftSession
from bench.sweep.drift_session import (
    drift_log_to_extend,
    last_ended_s,
    measure_session,
    session_plan,
)
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.waiting import wait_s
from bench.timing.aggregation import MeasuredRound
from bench.timing.plan import SweepPlan
from tests.support.clocks import NOON_S, FakeClock

BACKEND = FakeBackend()
TARGET = Target(device="fake", backend="fake", backend_version=BACKEND.version())
PLAN = SweepPlan(replicates=2, rounds=2, samples=2)


def network(width: int) -> Workload:
    specs = [
        BlockSpec(
            kind="mbconv",
            in_size=56,
            in_channels=width,
            out_channels=width,
            mid_channels=width,
            kernel=kernel,
        )
        for kernel in (3, 5)
    ]
    return Workload(role="network", blocks=tuple(specs), label=f"net {width}")


NETWORKS = [network(width) for width in (16, 32, 48, 64, 80, 96, 112)]
BLOCK = Workload(role="block", blocks=NETWORKS[0].blocks[:1])


def swept(
    path: Path, work: list[Workload], clock: FakeClock, device: FakeDevice | None = None
) -> None:
    with SweepStore.create(path, TARGET, PLAN) as store:
        run_sweep(
            device or FakeDevice(), BACKEND, TARGET, ListPlanner(work), PLAN, store, clock=clock
        )


def add_session(path: Path, clock: FakeClock, device: FakeDevice | None = None) -> None:
    with SweepStore.resume(path, TARGET, PLAN) as store:
        log = drift_log_to_extend(store)
        result = measure_session(
            device or FakeDevice(),
            BACKEND,
            store,
            log,
            NoProgress(),
            forced=False,
            clock=clock,
        )
        store.add_drift_session(result)


def samples_by_key(store: SweepStore) -> dict[str, list[object]]:
    return {
        measurement.workload.key: measurement.samples_ns.tolist()
        for measurement in store.measurements()
    }


def test_a_sweep_has_five_anchors_by_latency_and_is_the_first_session(
    tmp_path: Path,
) -> None:
    swept(tmp_path / "s.sqlite", [*NETWORKS, BLOCK], FakeClock())

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        log = store.drift_log()
        ms = {
            measurement.workload.label: measurement.median_ms
            for measurement in store.measurements()
        }

    assert log is not None
    # Seven networks have ranks 0 to 6; five evenly spaced ones are 0, 1.5, 3, 4.5 and 6.
    assert [anchor.label for anchor in log.anchors] == [
        "net 16",
        "net 48",
        "net 64",
        "net 80",
        "net 112",
    ]
    assert [anchor.ms for anchor in log.anchors] == [ms[anchor.label] for anchor in log.anchors]
    (sweep_session,) = log.sessions
    assert sweep_session.started_at == iso(NOON_S)
    assert np.allclose(log.log_ratios, 0.0, atol=1e-4)  # the device repeats exactly
    assert not sweep_session.forced


@pytest.mark.slow
def test_a_sweep_without_networks_has_no_drift_log(tmp_path: Path) -> None:
    swept(tmp_path / "two.sqlite", NETWORKS[:2], FakeClock())
    swept(tmp_path / "none.sqlite", [BLOCK], FakeClock())

    with SweepStore.open(tmp_path / "two.sqlite") as store:
        log = store.drift_log()
    assert log is not None
    assert len(log.anchors) == 2
    with SweepStore.open(tmp_path / "none.sqlite") as store:
        assert store.drift_log() is None
        with pytest.raises(InputError, match=r"holds no whole networks.*--networks 5 or more"):
            drift_log_to_extend(store)


@pytest.mark.slow
def test_a_session_is_stored_and_leaves_the_sweep_unchanged(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, [*NETWORKS, BLOCK], clock)
    with SweepStore.open(path) as store:
        before = samples_by_key(store)
    clock.sleep(3600)

    # The level of this replicate changes all latencies by the same factor.
    add_session(path, clock, FakeDevice(flaws=SimulatedDisturbances(level=0.3), seed=1))

    with SweepStore.open(path) as store:
        assert samples_by_key(store) == before
        log, (session,) = store.drift_log(), store.drift_sessions()
    assert log is not None
    assert [s.started_at for s in log.sessions] == [iso(NOON_S), iso(NOON_S + 3600)]
    assert (len(session.replicates), session.rounds) == (2, 30)
    assert all(BLOCK in replicate.work for replicate in session.replicates)  # as in the sweep
    now_ms = np.array(log.sessions[1].ms) / np.array([anchor.ms for anchor in log.anchors])
    assert np.ptp(now_ms) < 1e-4
    assert abs(log.log_drift[1]) > 0.01


@pytest.mark.slow
def test_anchors_are_fixed_from_the_first_session_on(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    clock.sleep(3600)
    add_session(path, clock)
    with SweepStore.resume(path, TARGET, PLAN) as store:
        run_sweep(FakeDevice(), BACKEND, TARGET, ListPlanner(NETWORKS), PLAN, store, clock=clock)
        log = store.drift_log()

    assert log is not None
    assert [anchor.label for anchor in log.anchors] == [anchor.label for anchor in NETWORKS[:5]]


@pytest.mark.slow
def test_sessions_less_than_five_minutes_apart_are_one(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    clock.sleep(299)
    add_session(path, clock)
    clock.sleep(300)
    add_session(path, clock)

    with SweepStore.open(path) as store:
        log = store.drift_log()
    assert log is not None
    assert [s.started_at for s in log.sessions] == [iso(NOON_S), iso(NOON_S + 599)]


def stretch(started_s: float, **ms: list[float]) -> NetworkStretch:
    bursts = {NETWORKS[int(name[1:])]: np.array(values) for name, values in ms.items()}
    return NetworkStretch(
        started_s=started_s, ended_s=started_s + 10, bursts_ms=bursts, forced=False
    )


def test_stretches_are_merged_into_sessions_by_hand() -> None:
    # 0 to 10, 200 to 210 and 500 to 510 follow by less than 300 s; 810 begins 300 s later.
    result = merged(
        [
            stretch(810, n0=[9.0]),
            stretch(0, n0=[1.0, 2.0]),
            stretch(500, n1=[5.0]),
            stretch(200, n0=[3.0]),
        ]
    )

    assert [(s.started_s, s.ended_s) for s in result] == [(0, 510), (810, 820)]
    assert result[0].bursts_ms[NETWORKS[0]].tolist() == [1.0, 2.0, 3.0]
    assert result[0].bursts_ms[NETWORKS[1]].tolist() == [5.0]


def test_sessions_without_every_anchor_are_ignored(tmp_path: Path) -> None:
    swept(tmp_path / "s.sqlite", NETWORKS[:2], FakeClock())
    with SweepStore.open(tmp_path / "s.sqlite") as store:
        measured = store.measurements()

    log = drift_log_of(
        measured, [stretch(0, n0=[1.0], n1=[2.0]), stretch(9000, n0=[1.0])], [], NETWORKS[:2]
    )

    assert log is not None
    assert len(log.sessions) == 1
    # No session has both anchors, so there is no log.
    assert drift_log_of(measured, [stretch(0, n0=[1.0])], [], NETWORKS[:2]) is None


def test_anchors_are_chosen_among_the_networks_of_all_sessions(tmp_path: Path) -> None:
    swept(tmp_path / "s.sqlite", NETWORKS[:3], FakeClock())
    with SweepStore.open(tmp_path / "s.sqlite") as store:
        measured = store.measurements()
    stretches = [stretch(0, n0=[1.0], n1=[2.0]), stretch(9000, n0=[1.0], n1=[2.0], n2=[3.0])]

    log = drift_log_of(measured, stretches, [], None)

    assert log is not None
    assert [anchor.label for anchor in log.anchors] == ["net 16", "net 32"]


@pytest.mark.slow
def test_sessions_of_an_older_file_are_dated_by_its_rounds(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE load_time")
    with SweepStore.open(path) as store:
        log = store.drift_log()
    assert log is not None
    # The fake device's clock starts every replicate in 2020.
    assert [s.started_at[:10] for s in log.sessions] == ["2020-01-01"]

    clock.sleep(3600)
    add_session(path, clock)

    with SweepStore.open(path) as store:
        log = store.drift_log()
    assert log is not None
    assert len(log.sessions) == 2


@pytest.mark.slow
def test_a_damaged_session_is_refused(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    clock.sleep(3600)
    add_session(path, clock)
    for number, change in enumerate(
        (
            "UPDATE drift_pass SET samples_ns = zeroblob(length(samples_ns))",
            "UPDATE drift_pass SET dropped_ns = x'00', dropped_crc32 = 7",
            "UPDATE drift_session SET started_at = 'yesterday'",
            "UPDATE drift_session SET loads = '[[1]]'",
            "DELETE FROM drift_pass",
            "UPDATE drift_anchor SET blocks = 'nothing'",
        )
    ):
        damaged = tmp_path / f"{number}.sqlite"
        shutil.copy(path, damaged)
        with closing(sqlite3.connect(damaged)) as db, db:
            db.execute(change)

        with SweepStore.open(damaged) as store, pytest.raises(FileError, match="is damaged"):
            store.drift_log()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    ms=st.lists(st.lists(st.floats(0.01, 1e3), min_size=10, max_size=10), min_size=1, max_size=3),
    repeated_bursts=st.integers(0, 3),
    forced=st.booleans(),
)
def test_a_session_is_read_back(
    ms: list[list[float]],
    repeated_bursts: int,
    forced: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("round") / "s.sqlite"
    swept(path, NETWORKS[:5], FakeClock())
    rounds = tuple(
        MeasuredRound(
            samples_ns=np.array(round_ms).reshape(5, 2) * 1e6,
            order=np.arange(5),
            repeated_bursts=repeated_bursts,
            disturbed_ns=np.full((repeated_bursts, 2), 7.0) if repeated_bursts else None,
            facts={"taken_at": "2026-03-01T13:00:00", "load_average": 0.5},
        )
        for round_ms in ms
    )
    session = DriftSession(
        started_at=iso(NOON_S + 3600),
        ended_at=iso(NOON_S + 3610),
        forced=forced,
        rounds=1,
        facts={"cpu_cores": 2},
        replicates=(DriftReplicate(work=tuple(NETWORKS[:5]), rounds=rounds),),
    )

    with SweepStore.resume(path, TARGET, PLAN) as store:
        store.add_drift_session(session)
    with SweepStore.open(path) as store:
        (stored,) = store.drift_sessions()

    assert (stored.started_at, stored.ended_at) == (session.started_at, session.ended_at)
    assert (stored.forced, stored.rounds, stored.facts) == (forced, 1, session.facts)
    assert [workload.label for workload in stored.replicates[0].work] == [
        workload.label for workload in NETWORKS[:5]
    ]
    for before, after in zip(rounds, stored.replicates[0].rounds, strict=True):
        assert after.samples_ns.tolist() == before.samples_ns.tolist()
        assert after.order.tolist() == before.order.tolist()
        assert (after.repeated_bursts, after.facts) == (repeated_bursts, before.facts)
        disturbed_ns = None if after.disturbed_ns is None else after.disturbed_ns.tolist()
        assert disturbed_ns == ([[7.0, 7.0]] * repeated_bursts or None)


def test_slow_anchors_are_measured_in_fewer_rounds() -> None:
    def plan_of(ms: float) -> SweepPlan:
        return session_plan([Anchor(blocks=(), label="", ms=ms)] * 5, 3, seed=7)

    assert (plan_of(5.0).replicates, plan_of(5.0).rounds, plan_of(5.0).samples) == (2, 30, 3)
    # A round of 5 x 80 ms x 3 samples takes 1.2 s, 1.56 s with the time between samples;
    # 12 s hold 2 replicates of 3.8 such rounds.
    assert plan_of(80.0).rounds == 3
    assert plan_of(2000.0).rounds == 2


def test_the_wait_for_another_session_ends_after_five_minutes() -> None:
    assert wait_s(1000.0, 1299.0) == pytest.approx(1.0)
    assert wait_s(1000.0, 1300.0) == 0.0
    assert wait_s(1000.0, 996.0) == pytest.approx(304.0)
    with pytest.raises(InputError, match=r"the clock says 1970-01-01T00:15:00, the last session"):
        wait_s(1000.0, 900.0)


@pytest.mark.slow
def test_the_last_end_is_that_of_the_last_session(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock(tick_s=1.0)
    swept(path, NETWORKS[:5], clock)
    with SweepStore.open(path) as store:
        assert last_ended_s(store) == clock.now_s
    clock.sleep(3600)
    add_session(path, clock)
    with SweepStore.open(path) as store:
        assert last_ended_s(store) == clock.now_s


@pytest.mark.slow
def test_an_anchor_that_no_longer_runs_is_named(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    clock.sleep(3600)
    before = path.read_bytes()
    # The widest network has 2 x 56 x 56 x 80 numbers of 4 bytes: 2,007,040; the next 1,605,632.
    narrow = FakeDevice(room_bytes=1_800_000)

    with pytest.raises(TargetMismatchError, match="anchor network net 80 does not run any more"):
        add_session(path, clock, narrow)

    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_session_in_which_the_clock_jumps_is_not_stored(tmp_path: Path) -> None:
    class Jumping(FakeClock):
        def monotonic(self) -> float:
            self.now_s += 60
            return self.passed_s

    path = tmp_path / "s.sqlite"
    swept(path, NETWORKS[:5], FakeClock())

    with pytest.raises(InputError, match=r"the clock jumped by \+\d+ s"):
        add_session(path, Jumping(NOON_S + 3600))
    with SweepStore.open(path) as store:
        assert store.drift_sessions() == []


def test_an_unfinished_sweep_refuses_a_session(tmp_path: Path) -> None:
    with SweepStore.create(tmp_path / "s.sqlite", TARGET, PLAN) as store:
        store.begin_session({}, iso(NOON_S), forced=False)
        store.add_groups([NETWORKS])
        with pytest.raises(InputError, match="has 0 of 2 replicates: finish the sweep first"):
            drift_log_to_extend(store)


def test_replicates_with_networks_are_stretches(tmp_path: Path) -> None:
    """The drift of a stretch is the median over its networks."""
    swept(tmp_path / "s.sqlite", NETWORKS[:2], FakeClock())
    with SweepStore.open(tmp_path / "s.sqlite") as store:
        measured = [
            measurement
            for measurement in store.measurements()
            if measurement.workload in NETWORKS[:2]
        ]
    first, second = (
        next(measurement.median_ms for measurement in measured if measurement.workload == network)
        for network in NETWORKS[:2]
    )

    log = drift_log_of(
        measured,
        [stretch(0, n0=[1.3 * first], n1=[second]), stretch(40, n1=[0.9 * second]), stretch(80)],
        [stretch(9000, n0=[1.0], n1=[1.0])],
        NETWORKS[:2],
    )

    assert log is not None
    drifts = [stretch.log_drift for stretch in log.stretches]
    np.testing.assert_allclose(drifts, [np.log(1.3) / 2, np.log(0.9)])
    assert [stretch.unix_s - log.stretches[0].unix_s for stretch in log.stretches] == [0.0, 40.0]
