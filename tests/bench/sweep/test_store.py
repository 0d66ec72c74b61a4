import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.blocks.spec import BlockSpec
from bench.errors import DeviceError, FileError, InputError, TargetMismatchError
from bench.protocol.device import RoundResult, Workload
from bench.protocol.target import Target
from bench.sweep import sqlite_file
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan

TARGET = Target(device="d", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=2, rounds=2, samples=2, requested=(("space", "tiny"),))
WORK = [
    Workload(
        role="block", blocks=(BlockSpec(kind="max_pool", in_size=s, in_channels=8, out_channels=8),)
    )
    for s in (8, 16)
]


def result(ms: float, repeated_bursts: int = 0) -> RoundResult:
    samples_ns = np.array([[2.0, 1.0], [4.0, 2.0]]) * ms * 1e6
    facts = {"taken_at": "2020-01-01T00:00:00", "governor": None}
    return RoundResult(
        samples_ns=samples_ns, order=np.array([1, 0]), repeated_bursts=repeated_bursts, facts=facts
    )


def filled(path: Path, replicates: int = 2) -> None:
    """Write a sweep with finished replicates of two rounds, the second 1.5 times as slow."""
    with SweepStore.create(path, TARGET, PLAN) as store:
        session = store.begin_session({"cpu_cores": 2}, "2020-01-01T00:00:00", forced=False)
        store.add_groups([WORK])
        (group,) = store.groups()
        for number in range(replicates):
            replicate_id = store.begin_replicate(group.number, number)
            for i in range(2):
                store.add_round(replicate_id, i, result(1.0 + 0.5 * number, repeated_bursts=i))
            store.finish_replicate(replicate_id, session, 3.0 + number)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_stored_sweep_is_read_back(tmp_path: Path) -> None:
    filled(tmp_path / "a.sqlite")

    with SweepStore.open(tmp_path / "a.sqlite") as store:
        assert (store.target, store.plan) == (TARGET, PLAN)
        assert store.facts == {"cpu_cores": 2, "forced": False}
        assert [session.wall_s for session in store.sessions()] == [4.0]
        first, second = store.measurements()

    assert (first.workload, second.workload) == tuple(WORK)
    assert first.samples_ns.tolist() == [[[2e6, 1e6]] * 2, [[3e6, 1.5e6]] * 2]
    # Drift is 1 and 1.5 times a factor that makes the median over rounds 1.
    assert first.drift[1, 0] / first.drift[0, 0] == pytest.approx(1.5)
    assert second.median_ms / first.median_ms == pytest.approx(2.0)
    assert first.interval_ms[1] / first.interval_ms[0] == pytest.approx(1.0)
    assert first.taken_at == "2020-01-01T00:00:00"


def test_a_sweep_keeps_the_text_of_its_space(tmp_path: Path) -> None:
    text = 'name = "mine"\n# a comment, and a word in Greek: \u03bb\n'
    SweepStore.create(tmp_path / "a.sqlite", TARGET, PLAN, space_toml=text).close()
    SweepStore.create(tmp_path / "old.sqlite", TARGET, PLAN).close()

    with SweepStore.open(tmp_path / "a.sqlite") as store:
        assert store.space_toml == text
    with SweepStore.resume(tmp_path / "a.sqlite", TARGET, PLAN) as store:
        assert store.space_toml == text
    with SweepStore.open(tmp_path / "old.sqlite") as store:
        assert store.space_toml is None


def test_a_space_that_is_not_text_is_reported_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    SweepStore.create(path, TARGET, PLAN, space_toml="name = 1").close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '[1]' WHERE name = 'space_toml'")

    with pytest.raises(FileError, match=r"its space is \[1\], expected text.*sweep again"):
        SweepStore.open(path)


def test_samples_are_available_as_a_table(tmp_path: Path) -> None:
    filled(tmp_path / "a.sqlite")

    with SweepStore.open(tmp_path / "a.sqlite") as store:
        frame = store.to_frame()

    assert len(frame) == 2 * 2 * 2 * 2
    row = frame[(frame["load"] == 1) & (frame["pass"] == 1) & (frame["call"] == 0)].iloc[1]
    assert (row["key"], row["role"], row["ns"]) == (WORK[1].key, "block", 6e6)
    assert frame["retaken"].sum() == 2 * 4


def test_samples_of_repeated_bursts_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)  # without disturbed samples
    dropped = replace(
        result(1.0, repeated_bursts=2), disturbed_ns=np.array([[8e6, 9e6], [np.nan] * 2])
    )
    with SweepStore.resume(path, TARGET, PLAN) as store:
        session = store.begin_session({}, "2020-01-02T00:00:00", forced=False)
        replicate_id = store.begin_replicate(1, 2)
        store.add_round(replicate_id, 0, dropped)
        store.add_round(replicate_id, 1, result(1.0))
        store.finish_replicate(replicate_id, session, 1.0)

    with SweepStore.open(path) as store:
        rounds = [
            measured_round
            for replicate in store.replicates()
            for measured_round in replicate.rounds
        ]

    assert [measured_round.disturbed_ns is None for measured_round in rounds] == [True] * 4 + [
        False,
        True,
    ]
    assert rounds[4].disturbed_ns is not None
    assert rounds[4].disturbed_ns[0].tolist() == [8e6, 9e6]
    assert np.isnan(rounds[4].disturbed_ns[1]).all()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE dropped SET crc32 = 1")
    with SweepStore.open(path) as store, pytest.raises(FileError, match="is not what was written"):
        store.replicates()


def test_a_file_without_disturbed_samples_has_no_table_for_them(tmp_path: Path) -> None:
    filled(tmp_path / "a.sqlite")

    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}

    assert "pass" in tables
    assert "dropped" not in tables


@pytest.mark.parametrize("times", [[[1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]]])
def test_disturbed_samples_that_are_too_few_or_not_positive_are_refused(
    tmp_path: Path, times: list[list[float]]
) -> None:
    filled(tmp_path / "a.sqlite", replicates=1)
    with SweepStore.resume(tmp_path / "a.sqlite", TARGET, PLAN) as store:
        store.begin_session({}, "2020-01-02T00:00:00", forced=False)
        replicate_id = store.begin_replicate(1, 1)
        wrong = replace(result(1.0, repeated_bursts=2), disturbed_ns=np.array(times))
        with pytest.raises(DeviceError, match="of 2 repeated bursts"):
            store.add_round(replicate_id, 0, wrong)


def test_reading_changes_nothing_on_disk(tmp_path: Path) -> None:
    filled(tmp_path / "a.sqlite")
    before = snapshot(tmp_path)
    assert list(before) == ["a.sqlite"]

    with SweepStore.open(tmp_path / "a.sqlite") as store:
        store.measurements()

    assert snapshot(tmp_path) == before


def test_a_sweep_is_in_wal_mode(tmp_path: Path) -> None:
    filled(tmp_path / "a.sqlite")

    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as db, db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_an_unfinished_replicate_does_not_count_and_is_dropped_on_resume(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.sqlite"
    filled(path, replicates=1)
    with SweepStore.resume(path, TARGET, PLAN) as store:
        store.begin_session({}, "2020-01-02T00:00:00", forced=True)
        replicate_id = store.begin_replicate(store.groups()[0].number, 1)
        store.add_round(replicate_id, 0, result(9.0))

    with SweepStore.resume(path, TARGET, PLAN) as store:
        assert [replicate.number for replicate in store.replicates()] == [0]
        store.begin_session({}, "2020-01-03T00:00:00", forced=False)
        assert store.facts["forced"] is True
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute("SELECT count(*) FROM pass").fetchone() == (2,)
    db.close()


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_text("mine")

    with pytest.raises(FileError, match="exists already"):
        SweepStore.create(path, TARGET, PLAN)

    assert snapshot(tmp_path) == {"a.sqlite": b"mine"}


def test_another_target_or_plan_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    before = snapshot(tmp_path)
    other_target = Target(device="d", backend="fake", backend_version="2")
    other_plan = SweepPlan(replicates=2, rounds=3, samples=2, requested=(("space", "big"),))

    with pytest.raises(TargetMismatchError, match=r"holds a sweep of d/fake-1.*expected d/fake-2"):
        SweepStore.resume(path, other_target, PLAN)
    with pytest.raises(InputError, match="rounds 2 and not 3, space tiny and not big"):
        SweepStore.resume(path, TARGET, other_plan)

    assert snapshot(tmp_path) == before


def test_a_file_that_is_not_a_sweep_is_a_one_line_error(tmp_path: Path) -> None:
    text = tmp_path / "text.sqlite"
    text.write_text("hello")
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as db, db:
        db.execute("CREATE TABLE meta (name TEXT, value TEXT)")
    db.close()
    later = tmp_path / "later.sqlite"
    filled(later)
    with closing(sqlite3.connect(later)) as db, db:
        db.execute(f"PRAGMA user_version = {sqlite_file.SCHEMA_VERSION + 1}")
    db.close()
    before = snapshot(tmp_path)

    for path, words in (
        (text, "not a SQLite file"),
        (foreign, "something else"),
        (later, "version 2 of the sweep format, expected 1"),
        (tmp_path / "absent.sqlite", "No such file"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(FileError, match=words) as caught:
            SweepStore.resume(path, TARGET, PLAN)
        assert "\n" not in str(caught.value)

    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "header only"])
def test_a_damaged_sweep_is_a_one_line_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        del content[len(content) // 2 :]
    elif damage == "header only":
        del content[16:]
    else:
        content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    before = snapshot(tmp_path)

    for opener in (SweepStore.open, lambda path: SweepStore.resume(path, TARGET, PLAN)):
        with pytest.raises(FileError) as caught:
            opener(path)
        assert "\n" not in str(caught.value)

    assert snapshot(tmp_path) == before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 2**32 - 1))
def test_damage_anywhere_is_an_error_or_harmless(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.sqlite"
    if not (tmp_path / "whole").exists():
        filled(tmp_path / "whole")
    content = bytearray((tmp_path / "whole").read_bytes())
    with SweepStore.open(tmp_path / "whole") as store:
        wanted = [measurement.samples_ns.tobytes() for measurement in store.measurements()]
    rng = np.random.default_rng(seed)
    start = int(rng.integers(len(content)))
    length = int(rng.choice([1, 8, 300]))
    content[start : start + length] = rng.bytes(len(content[start : start + length]))
    path.write_bytes(content)

    try:
        with SweepStore.open(path) as store:
            message = ""
            samples = [measurement.samples_ns.tobytes() for measurement in store.measurements()]
    except FileError as error:
        message, samples = str(error), wanted

    assert "\n" not in message
    assert samples == wanted


def test_two_sweeps_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with SweepStore.create(path, TARGET, PLAN) as store:
        store.begin_session({}, "now", forced=False)

        with pytest.raises(FileError, match="another sweep is using it"):
            SweepStore.resume(path, TARGET, PLAN)


def test_a_full_disk_is_a_one_line_error_and_finished_replicates_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path, replicates=1)
    with SweepStore.resume(path, TARGET, PLAN) as store:
        store.begin_session({}, "now", forced=False)
        kept = [replicate.samples_ns for replicate in store.replicates()]
        replicate_id = store.begin_replicate(store.groups()[0].number, 1)
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        big = RoundResult(samples_ns=np.ones((2000, 3)), order=np.arange(2000))

        with pytest.raises(FileError, match=r"disk is full.*free some space.*--resume") as caught:
            store.add_round(replicate_id, 0, big)

        assert "\n" not in str(caught.value)
    with SweepStore.open(path) as store:
        assert [replicate.samples_ns.tobytes() for replicate in store.replicates()] == [
            samples.tobytes() for samples in kept
        ]


def test_a_folder_that_is_not_writable_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot create"):
        SweepStore.create(tmp_path / "absent" / "a.sqlite", TARGET, PLAN)
    with pytest.raises(FileError, match="cannot create"):
        SweepStore.create(Path("/proc/a.sqlite"), TARGET, PLAN)


def test_a_file_whose_tables_cannot_be_created_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.sweep.store.SCHEMA", "CREATE TABLE meta (name TEXT); nonsense;")

    with pytest.raises(FileError, match="cannot create"):
        SweepStore.create(tmp_path / "a.sqlite", TARGET, PLAN)

    assert snapshot(tmp_path) == {}


def test_a_sample_that_is_not_positive_is_refused(tmp_path: Path) -> None:
    with SweepStore.create(tmp_path / "a.sqlite", TARGET, PLAN) as store:
        store.begin_session({}, "now", forced=False)
        store.add_groups([WORK])
        replicate_id = store.begin_replicate(store.groups()[0].number, 0)
        bad = RoundResult(samples_ns=np.array([[0.0, 1.0], [1.0, 1.0]]), order=np.array([0, 1]))

        with pytest.raises(DeviceError, match="not above 0"):
            store.add_round(replicate_id, 0, bad)


def test_a_copy_made_after_a_crash_with_its_log_is_read(tmp_path: Path) -> None:
    path, crashed = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    filled(path, replicates=1)
    with SweepStore.resume(path, TARGET, PLAN) as store:
        session = store.begin_session({}, "now", forced=False)
        replicate_id = store.begin_replicate(store.groups()[0].number, 1)
        store.add_round(replicate_id, 0, result(1.0))
        store.finish_replicate(replicate_id, session, 1.0)
        shutil.copy(path, crashed)  # as a crash would leave them: the log not yet in the file
        shutil.copy(f"{path}-wal", f"{crashed}-wal")

    with SweepStore.open(crashed) as store:
        assert [replicate.number for replicate in store.replicates()] == [0, 1]
