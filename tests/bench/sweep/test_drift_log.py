"""Drift sessions in a sweep's file, and the log that is made of them."""

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


def test_a_sweep_has_five_anchors_from_the_fastest_to_the_slowest_and_its_own_session(
    tmp_path: Path,
) -> None:
    swept(tmp_path / "s.sqlite", [*NETWORKS, BLOCK], FakeClock())

    with SweepStore.open(tmp_path / "s.sqlite") as store:
        log = store.drift_log()
        ms = {o.workload.label: o.median_ms for o in store.measurements()}

    assert log is not None
    # Seven networks by rank 0..6; five equal steps of it are 0, 1.5, 3, 4.5, 6.
    assert [anchor.label for anchor in log.anchors] == [
        "net 16",
        "net 48",
        "net 64",
        "net 80",
        "net 112",
    ]
    assert [anchor.ms for anchor in log.anchors] == [ms[anchor.label] for anchor in log.anchors]
    (own,) = log.sessions
    assert own.started_at == iso(NOON_S)
    assert np.allclose(log.log_ratios, 0.0, atol=1e-4)  # a device that repeats itself exactly
    assert not own.forced


@pytest.mark.slow
def test_fewer_networks_are_fewer_anchors_and_none_no_log(tmp_path: Path) -> None:
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
def test_a_session_is_kept_and_changes_nothing_of_the_sweep(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, [*NETWORKS, BLOCK], clock)
    with SweepStore.open(path) as store:
        before = {o.workload.key: o.samples_ns.tolist() for o in store.measurements()}
    clock.sleep(3600)

    # Every call of this load takes as long as the machine's level says: the same for all.
    add_session(path, clock, FakeDevice(flaws=SimulatedDisturbances(level=0.3), seed=1))

    with SweepStore.open(path) as store:
        assert {o.workload.key: o.samples_ns.tolist() for o in store.measurements()} == before
        log, (session,) = store.drift_log(), store.drift_sessions()
    assert log is not None
    assert [s.started_at for s in log.sessions] == [iso(NOON_S), iso(NOON_S + 3600)]
    assert (len(session.replicates), session.rounds) == (2, 30)
    assert all(BLOCK in load.work for load in session.replicates)  # company, as in the sweep
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


def spell(started_s: float, **ms: list[float]) -> NetworkStretch:
    bursts = {NETWORKS[int(name[1:])]: np.array(values) for name, values in ms.items()}
    return NetworkStretch(
        started_s=started_s, ended_s=started_s + 10, bursts_ms=bursts, forced=False
    )


def test_merged_by_hand() -> None:
    # 0 to 10, 200 to 210 and 500 to 510 follow by less than 300 s; 810 begins 300 s later.
    result = merged(
        [
            spell(810, n0=[9.0]),
            spell(0, n0=[1.0, 2.0]),
            spell(500, n1=[5.0]),
            spell(200, n0=[3.0]),
        ]
    )

    assert [(s.started_s, s.ended_s) for s in result] == [(0, 510), (810, 820)]
    assert result[0].bursts_ms[NETWORKS[0]].tolist() == [1.0, 2.0, 3.0]
    assert result[0].bursts_ms[NETWORKS[1]].tolist() == [5.0]


def test_sessions_that_lack_an_anchor_are_left_out(tmp_path: Path) -> None:
    swept(tmp_path / "s.sqlite", NETWORKS[:2], FakeClock())
    with SweepStore.open(tmp_path / "s.sqlite") as store:
        measured = store.measurements()

    log = drift_log_of(
        measured, [spell(0, n0=[1.0], n1=[2.0]), spell(9000, n0=[1.0])], [], NETWORKS[:2]
    )

    assert log is not None
    assert len(log.sessions) == 1
    # Where no session has both, none can be compared.
    assert drift_log_of(measured, [spell(0, n0=[1.0])], [], NETWORKS[:2]) is None


def test_anchors_are_chosen_among_those_of_all_sessions(tmp_path: Path) -> None:
    swept(tmp_path / "s.sqlite", NETWORKS[:3], FakeClock())
    with SweepStore.open(tmp_path / "s.sqlite") as store:
        measured = store.measurements()
    spells = [spell(0, n0=[1.0], n1=[2.0]), spell(9000, n0=[1.0], n1=[2.0], n2=[3.0])]

    log = drift_log_of(measured, spells, [], None)

    assert log is not None
    assert [anchor.label for anchor in log.anchors] == ["net 16", "net 32"]


@pytest.mark.slow
def test_a_file_of_an_older_version_is_dated_by_its_passes_and_takes_sessions(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE load_time")
    with SweepStore.open(path) as store:
        log = store.drift_log()
    assert log is not None
    # The fake device's own clock starts every load in 2020.
    assert [s.started_at[:10] for s in log.sessions] == ["2020-01-01"]

    clock.sleep(3600)
    add_session(path, clock)

    with SweepStore.open(path) as store:
        log = store.drift_log()
    assert log is not None
    assert len(log.sessions) == 2


@pytest.mark.slow
def test_a_damaged_session_is_one_line(tmp_path: Path) -> None:
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
def test_what_a_session_holds_is_read_back(
    ms: list[list[float]],
    repeated_bursts: int,
    forced: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("round") / "s.sqlite"
    swept(path, NETWORKS[:5], FakeClock())
    passes = tuple(
        MeasuredRound(
            samples_ns=np.array(one).reshape(5, 2) * 1e6,
            order=np.arange(5),
            repeated_bursts=repeated_bursts,
            disturbed_ns=np.full((repeated_bursts, 2), 7.0) if repeated_bursts else None,
            facts={"taken_at": "2026-03-01T13:00:00", "load_average": 0.5},
        )
        for one in ms
    )
    session = DriftSession(
        started_at=iso(NOON_S + 3600),
        ended_at=iso(NOON_S + 3610),
        forced=forced,
        rounds=1,
        facts={"cpu_cores": 2},
        replicates=(DriftReplicate(work=tuple(NETWORKS[:5]), rounds=passes),),
    )

    with SweepStore.resume(path, TARGET, PLAN) as store:
        store.add_drift_session(session)
    with SweepStore.open(path) as store:
        (found,) = store.drift_sessions()

    assert (found.started_at, found.ended_at) == (session.started_at, session.ended_at)
    assert (found.forced, found.rounds, found.facts) == (forced, 1, session.facts)
    assert [workload.label for workload in found.replicates[0].work] == [
        workload.label for workload in NETWORKS[:5]
    ]
    for before, after in zip(passes, found.replicates[0].rounds, strict=True):
        assert after.samples_ns.tolist() == before.samples_ns.tolist()
        assert after.order.tolist() == before.order.tolist()
        assert (after.repeated_bursts, after.facts) == (repeated_bursts, before.facts)
        again_ns = None if after.disturbed_ns is None else after.disturbed_ns.tolist()
        assert again_ns == ([[7.0, 7.0]] * repeated_bursts or None)


def test_slow_anchors_are_measured_in_fewer_rounds() -> None:
    def plan_of(ms: float) -> SweepPlan:
        return session_plan([Anchor(blocks=(), label="", ms=ms)] * 5, 3, seed=7)

    assert (plan_of(5.0).replicates, plan_of(5.0).rounds, plan_of(5.0).samples) == (2, 30, 3)
    # A round of 5 x 80 ms x 3 calls is 1.2 s; 12 s hold 2 x 1.3 of them 3.8 times.
    assert plan_of(80.0).rounds == 3
    assert plan_of(2000.0).rounds == 2


def test_when_another_session_may_begin() -> None:
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
def test_an_anchor_that_does_not_run_any_more_is_named(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.sqlite", FakeClock()
    swept(path, NETWORKS[:5], clock)
    clock.sleep(3600)
    before = path.read_bytes()
    # The widest of the five has 2 x 56 x 56 x 80 numbers of 4 bytes: 2,007,040; the next 1,605,632.
    narrow = FakeDevice(room_bytes=1_800_000)

    with pytest.raises(TargetMismatchError, match="anchor network net 80 does not run any more"):
        add_session(path, clock, narrow)

    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_clock_that_jumps_while_measuring_keeps_nothing(tmp_path: Path) -> None:
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


def test_an_unfinished_sweep_takes_no_session(tmp_path: Path) -> None:
    with SweepStore.create(tmp_path / "s.sqlite", TARGET, PLAN) as store:
        store.begin_session({}, iso(NOON_S), forced=False)
        store.add_groups([NETWORKS])
        with pytest.raises(InputError, match="has 0 of 2 replicates: finish the sweep first"):
            drift_log_to_extend(store)


def test_loads_that_measured_networks_are_stretches(tmp_path: Path) -> None:
    """Each by the median over its networks."""
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
        [spell(0, n0=[1.3 * first], n1=[second]), spell(40, n1=[0.9 * second]), spell(80)],
        [spell(9000, n0=[1.0], n1=[1.0])],
        NETWORKS[:2],
    )

    assert log is not None
    drifts = [stretch.log_drift for stretch in log.stretches]
    np.testing.assert_allclose(drifts, [np.log(1.3) / 2, np.log(0.9)])
    assert [stretch.unix_s - log.stretches[0].unix_s for stretch in log.stretches] == [0.0, 40.0]
