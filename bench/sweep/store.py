"""A sweep on disk: every sample, round by round, in one SQLite file.

Nothing derived is stored. A replicate without a stored end never counts: resuming drops it and
measures it again from its beginning; finished ones are never changed.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bench.closing import Closing
from bench.drift.log import DriftLog
from bench.drift.session_gap import Span
from bench.errors import DeviceError, FileError, InputError, TargetMismatchError
from bench.files import VALUE_DAMAGE, parse_json
from bench.protocol.device import Facts, RoundResult, Workload
from bench.protocol.energy import EnergySource
from bench.protocol.target import Target
from bench.sweep import drift_rows, energy_rows, sqlite_file
from bench.sweep import store_rows as rows
from bench.sweep.drift_log import NetworkStretch, drift_log_of, network_bursts_ms
from bench.sweep.replicate_times import note_time, replicate_times
from bench.timing.aggregation import Replicate, derive_measurements
from bench.timing.energy import Energy
from bench.timing.measurement import Measurement
from bench.timing.plan import SweepPlan

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE session (
    id INTEGER PRIMARY KEY, started_at TEXT NOT NULL, forced INTEGER NOT NULL,
    facts TEXT NOT NULL, wall_s REAL NOT NULL DEFAULT 0);
CREATE TABLE workload (
    id INTEGER PRIMARY KEY, role TEXT NOT NULL, blocks TEXT NOT NULL, label TEXT NOT NULL,
    UNIQUE (role, blocks));
CREATE TABLE load_group (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, workloads TEXT NOT NULL);
CREATE TABLE load (
    id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL REFERENCES load_group (id),
    number INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0, UNIQUE (group_id, number));
CREATE TABLE pass (
    load_id INTEGER NOT NULL REFERENCES load (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    samples_ns BLOB NOT NULL, visits BLOB NOT NULL, retaken INTEGER NOT NULL,
    facts TEXT NOT NULL, crc32 INTEGER NOT NULL, PRIMARY KEY (load_id, number));
"""
# samples_ns: float64, little-endian, places x samples; visits: int64, little-endian.
# crc32: of samples_ns, visits and facts, since SQLite does not check content.


class SweepStore(Closing):
    """A sweep's file; created by `create`, or opened by `open` (to read) or `resume`.

    `space_toml` is the text that describes the swept space, as the caller of `create` gave it: None
    in files created without one. This package does not interpret it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        with sqlite_file.file_errors(path, "read"):
            meta = dict(self._db.execute("SELECT name, value FROM meta"))
        try:
            self.target = Target.from_json(parse_json(meta["target"]))
            self.plan = SweepPlan.from_json(parse_json(meta["plan"]))
            self.space_toml = _text_or_none(parse_json(meta.get("space_toml", "null")))
        except (*VALUE_DAMAGE, InputError) as error:
            raise FileError(f"{path} lacks its target or plan ({error}); sweep again") from error

    @classmethod
    def create(
        cls, path: Path, target: Target, plan: SweepPlan, *, space_toml: str | None = None
    ) -> Self:
        """Start a new file; `FileError` if it exists or cannot be written.

        `space_toml` is stored unchanged, so that the file says which space it is of.
        """
        path = Path(path)
        connection = sqlite_file.create(path, SCHEMA)
        try:
            meta: dict[str, Any] = {"target": target.to_json(), "plan": plan.to_json()}
            if space_toml is not None:
                meta["space_toml"] = space_toml
            with sqlite_file.transaction(connection, path):
                for name, value in meta.items():
                    row = (name, json.dumps(value, sort_keys=True))
                    connection.execute("INSERT INTO meta VALUES (?, ?)", row)
            return cls(path, connection)
        except BaseException:
            connection.close()
            sqlite_file.remove(path)
            raise

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open to read; changes nothing on disk. `FileError` if it is not a complete sweep."""
        return cls._checked(Path(path), sqlite_file.open_to_read)

    @classmethod
    def resume(cls, path: Path, target: Target, plan: SweepPlan) -> Self:
        """Open to continue; see `check` for what is refused."""
        cls.check(path, target, plan)
        return cls._checked(Path(path), sqlite_file.open_to_write)

    @classmethod
    def check(cls, path: Path, target: Target, plan: SweepPlan) -> None:
        """Raise unless `path` is a sweep of this target and plan; nothing on disk changes."""
        with cls.open(path) as store:
            if store.target != target:
                raise TargetMismatchError(
                    f"{path} holds a sweep of {store.target.key}, expected {target.key}; "
                    "name another --out, or ask for the same target"
                )
            difference = store.plan.difference(plan)
        if difference:
            raise InputError(
                f"{path} was swept with {difference}; resume it with the same options, "
                "or name another --out"
            )

    @classmethod
    def _checked(cls, path: Path, opener: Callable[[Path], sqlite3.Connection]) -> Self:
        connection = opener(path)
        try:
            return cls(path, connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._db.close()

    def discard(self) -> None:
        """Close, and delete the file."""
        self.close()
        sqlite_file.remove(self.path)

    # --- writing

    def begin_session(self, facts: Facts, started_at: str, *, forced: bool) -> int:
        """Store that measuring starts; drop the unfinished replicate of an earlier process."""
        row = (started_at, int(forced), json.dumps(dict(facts), sort_keys=True))
        with sqlite_file.transaction(self._db, self.path):
            self._db.execute("DELETE FROM load WHERE finished = 0")
            sql = "INSERT INTO session (started_at, forced, facts) VALUES (?, ?, ?)"
            return int(self._db.execute(sql, row).lastrowid or 0)

    def add_groups(self, groups: Sequence[Sequence[Workload]]) -> None:
        """Store the groups of one request: the workloads of each are measured together."""
        with sqlite_file.transaction(self._db, self.path):
            sql = "SELECT coalesce(max(round) + 1, 0) FROM load_group"
            (this_round,) = self._db.execute(sql).fetchone()
            for work in groups:
                ids = json.dumps([self._workload_id(workload) for workload in work])
                sql = "INSERT INTO load_group (round, workloads) VALUES (?, ?)"
                self._db.execute(sql, (this_round, ids))

    def exclude(self, group: int, place: int, reason: str) -> Workload:
        """Remove a workload that the device cannot run from a group, and store the reason.

        Raises `DeviceError` if finished replicates of the group contain it: it ran then.
        """
        stored = next(candidate for candidate in self.groups() if candidate.number == group)
        excluded = stored.work[place]
        if any(replicate.group == group for replicate in self.replicates()):
            raise DeviceError(
                f"{excluded.key} ran in an earlier replicate of this sweep and does not now "
                f"({reason}); find out what changed, then continue with --resume"
            )
        if excluded.role == "reference":
            raise DeviceError(f"the device cannot run the reference {excluded.key}: {reason}")
        with sqlite_file.transaction(self._db, self.path):
            ids = [self._workload_id(workload) for workload in stored.work if workload != excluded]
            sql = "UPDATE load_group SET workloads = ? WHERE id = ?"
            self._db.execute(sql, (json.dumps(ids), group))
            rows.note_unrunnable(self._db, excluded, reason)
        return excluded

    def begin_replicate(self, group: int, number: int) -> int:
        """Store that a replicate begins; it counts after `finish_replicate`."""
        with sqlite_file.transaction(self._db, self.path):
            sql = "INSERT INTO load (group_id, number) VALUES (?, ?)"
            return int(self._db.execute(sql, (group, number)).lastrowid or 0)

    def add_round(self, replicate_id: int, number: int, result: RoundResult) -> None:
        """Store a round as it ends; `DeviceError` if a sample is not a valid time."""
        samples_ns = np.asarray(result.samples_ns, dtype=rows.FLOATS)
        if not (np.isfinite(samples_ns).all() and (samples_ns > 0).all()):
            raise DeviceError("the device gave a time that is not above 0; its clock is broken")
        samples = samples_ns.tobytes()
        visits = np.asarray(result.order, dtype=rows.INTS).tobytes()
        facts = json.dumps(dict(result.facts), sort_keys=True)
        check = rows.checksum(samples, visits, facts)
        row = (replicate_id, number, samples, visits, result.repeated_bursts, facts, check)
        with sqlite_file.transaction(self._db, self.path):
            self._db.execute("INSERT INTO pass VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            rows.keep_dropped(self._db, replicate_id, number, result)

    def drop_replicate(self, replicate_id: int) -> None:
        """Remove a replicate that failed, with its rounds."""
        with sqlite_file.transaction(self._db, self.path):
            self._db.execute("DELETE FROM load WHERE id = ? AND NOT finished", (replicate_id,))

    def finish_replicate(
        self, replicate_id: int, session: int, wall_s: float, span_s: Span | None = None
    ) -> None:
        """Let a replicate count, and store how long its session has taken so far.

        `span_s` is when the replicate began and ended, in seconds since 1970.
        """
        with sqlite_file.transaction(self._db, self.path):
            self._db.execute("UPDATE load SET finished = 1 WHERE id = ?", (replicate_id,))
            self._db.execute("UPDATE session SET wall_s = ? WHERE id = ?", (wall_s, session))
            if span_s is not None:
                note_time(self._db, replicate_id, *span_s)

    def add_drift_session(self, session: drift_rows.DriftSession) -> None:
        """Store a complete session of the anchor networks; the first one fixes the anchors.

        It does not change `measurements`. Raises `InputError` if the sweep has no anchors.
        """
        log = self.drift_log()
        if log is None:
            raise InputError(f"{self.path} holds no whole networks, so it has no anchors")
        chosen = [anchor.workload for anchor in log.anchors]
        with sqlite_file.transaction(self._db, self.path):
            drift_rows.add_session(self._db, session, chosen)

    def note_energy_source(self, source: EnergySource) -> None:
        """Store the device's sensor of energy, or why it has none."""
        with sqlite_file.transaction(self._db, self.path):
            energy_rows.note_source(self._db, source)

    def add_energy(self, workload: Workload, stored: energy_rows.StoredReading) -> None:
        """Store the energy of a workload in one replicate as it ends."""
        with sqlite_file.transaction(self._db, self.path):
            energy_rows.add_reading(self._db, self._workload_id(workload), stored)

    def _workload_id(self, workload: Workload) -> int:
        row = (workload.role, rows.blocks_text(workload))
        sql = "INSERT OR IGNORE INTO workload (role, blocks, label) VALUES (?, ?, ?)"
        self._db.execute(sql, (*row, workload.label))
        sql = "SELECT id FROM workload WHERE role = ? AND blocks = ?"
        (number,) = self._db.execute(sql, row).fetchone()
        return int(number)

    # --- reading

    def groups(self) -> list[rows.Group]:
        """Return the groups so far, in the order of measuring."""
        with self._reading():
            return rows.groups(self._db)

    def replicates(self) -> list[Replicate]:
        """Return every finished replicate, in the order of measuring."""
        with self._reading():
            return rows.replicates(self._db)

    def measurements(self) -> list[Measurement]:
        """Return a measurement of every block, network and reference with a finished replicate."""
        with self._reading():
            known = rows.workloads(self._db)
            return derive_measurements(self.replicates(), known, self.target, self.plan, self.facts)

    def replicate_times(self) -> list[Span]:
        """Return when each replicate of `replicates` began and ended, in seconds since 1970."""
        with self._reading():
            begun = [session.started_at for session in rows.sessions(self._db)]
            return replicate_times(self._db, rows.replicates(self._db), begun[0] if begun else None)

    def drift_sessions(self) -> list[drift_rows.DriftSession]:
        """Return every session of the anchor networks after the sweep, the oldest first."""
        with self._reading():
            return drift_rows.sessions(self._db)

    def drift_log(self, measured: Sequence[Measurement] | None = None) -> DriftLog | None:
        """Return the anchor networks' latencies, in the sweep's own sessions and in those after it.

        The anchors are chosen over the range of latencies, and fixed from the first drift session
        on. Stretches of measuring less than `SESSION_GAP_S` apart are one session; a session that
        lacks an anchor is left out. None if no network was measured. Pass `measured` to avoid
        computing `measurements` again.
        """
        measured = self.measurements() if measured is None else measured
        with self._reading():
            own, later = self._spells()
            return drift_log_of(measured, own, later, drift_rows.anchors(self._db))

    def _spells(self) -> tuple[list[NetworkStretch], list[NetworkStretch]]:
        """Return the sweep's replicates, and the replicates of its drift sessions."""
        cold = dict(self.target.options).get("cache") == "cold"
        known, forced = rows.workloads(self._db), bool(self.facts.get("forced"))
        parts = [
            (
                span,
                tuple(known[i] for i in replicate.workloads),
                replicate.rounds,
                self.plan.rounds,
                forced,
            )
            for replicate, span in zip(self.replicates(), self.replicate_times(), strict=True)
        ]
        count = len(parts)
        for session in self.drift_sessions():
            parts += [
                (session.span_s, replicate.work, replicate.rounds, session.rounds, session.forced)
                for replicate in session.replicates
            ]
        stretches = [
            NetworkStretch(
                started_s=span[0],
                ended_s=span[1],
                bursts_ms=network_bursts_ms(passes, work, rounds, cold=cold),
                forced=forced,
            )
            for span, work, passes, rounds, forced in parts
        ]
        return stretches[:count], stretches[count:]

    def unrunnable(self) -> dict[Workload, str]:
        """Return the workloads that the device cannot run, and why."""
        with self._reading():
            return rows.unrunnable(self._db)

    def energy_source(self) -> EnergySource | None:
        """Return the sensor that energy was last measured with; None if it never was."""
        with self._reading():
            return energy_rows.source_of(self._db)

    def energy_readings(self) -> dict[Workload, list[energy_rows.StoredReading]]:
        """Return the energy readings of each workload, by replicate."""
        with self._reading():
            return energy_rows.readings(self._db, rows.workloads(self._db))

    def energies(self) -> dict[Workload, Energy]:
        """Return the energy and peak memory of each workload that has readings."""
        readings = self.energy_readings()
        with self._reading():  # of damaged values, figures may be too large
            return {workload: energy_rows.energy_of(each) for workload, each in readings.items()}

    def sessions(self) -> list[rows.Session]:
        """Return the processes that measured: their start, facts and duration."""
        with self._reading():
            return rows.sessions(self._db)

    @property
    def facts(self) -> Facts:
        """Facts of the device when the sweep began; `forced` if any session was."""
        sessions = self.sessions()
        if not sessions:
            return {}
        return {**sessions[0].facts, "forced": any(session.forced for session in sessions)}

    def to_frame(self) -> "pd.DataFrame":
        """Return every sample of the finished replicates, one per row."""
        with self._reading():
            return rows.samples_frame(self.replicates(), rows.workloads(self._db))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with sqlite_file.file_errors(self.path, "read"):
                yield
        except (*VALUE_DAMAGE, InputError) as error:
            raise FileError(f"{self.path} is damaged ({error}); sweep again") from error


def _text_or_none(value: Any) -> str | None:
    """Return a text or None; `TypeError` for any other value."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"its space is {value!r:.40}, expected text")
    return value
