"""Drift sessions in a sweep's file: every sample of the anchor networks.

The tables are made when the first session is written, so that files of older versions stay as they
are until then. A session is written whole, in one transaction: one that broke off leaves no trace.
"""

import json
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.files import parse_json
from bench.protocol.clock import unix_s
from bench.protocol.device import Facts, Workload
from bench.sweep import store_rows as rows
from bench.sweep.sqlite_file import has_table
from bench.timing.aggregation import Pass

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS drift_anchor (
        place INTEGER PRIMARY KEY, blocks TEXT NOT NULL, label TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS drift_session (
        id INTEGER PRIMARY KEY, started_at TEXT NOT NULL, ended_at TEXT NOT NULL,
        forced INTEGER NOT NULL, rounds INTEGER NOT NULL, facts TEXT NOT NULL,
        loads TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS drift_pass (
        session_id INTEGER NOT NULL REFERENCES drift_session (id) ON DELETE CASCADE,
        load INTEGER NOT NULL, number INTEGER NOT NULL, samples_ns BLOB NOT NULL,
        visits BLOB NOT NULL, retaken INTEGER NOT NULL, facts TEXT NOT NULL,
        crc32 INTEGER NOT NULL, dropped_ns BLOB, dropped_crc32 INTEGER,
        PRIMARY KEY (session_id, load, number))""",
)
# loads: for each load, the workloads at its places as [role, blocks, label].
# dropped_ns: samples of visits that were taken again, null where the device gives none.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftLoad:
    """One load of a drift session: what is at its places, and its passes."""

    work: tuple[Workload, ...]
    passes: tuple[Pass, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftSession:
    """The anchor networks measured once more.

    Times are ISO 8601. `rounds` is how many passes of each load count, `facts` the device's when
    the session began.
    """

    started_at: str
    ended_at: str
    forced: bool
    rounds: int
    facts: Facts
    loads: tuple[DriftLoad, ...]

    @property
    def span_s(self) -> tuple[float, float]:
        """When it began and ended, seconds since 1970."""
        return unix_s(self.started_at), unix_s(self.ended_at)


def anchors(db: sqlite3.Connection) -> list[Workload] | None:
    """The anchor networks that are fixed, the fastest first; None before the first session."""
    if not has_table(db, "drift_anchor"):
        return None
    found = db.execute("SELECT blocks, label FROM drift_anchor ORDER BY place").fetchall()
    return [rows.workload_of("network", blocks, label) for blocks, label in found] or None


def add_session(db: sqlite3.Connection, session: DriftSession, chosen: Sequence[Workload]) -> None:
    """Write a session whole; the first one fixes the `chosen` anchors too. In a transaction."""
    for statement in SCHEMA:
        db.execute(statement)
    if anchors(db) is None:
        for place, one in enumerate(chosen):
            row = (place, rows.blocks_text(one), one.label)
            db.execute("INSERT INTO drift_anchor VALUES (?, ?, ?)", row)
    work = [
        [[one.role, rows.blocks_text(one), one.label] for one in load.work]
        for load in session.loads
    ]
    sql = """INSERT INTO drift_session (started_at, ended_at, forced, rounds, facts, loads)
             VALUES (?, ?, ?, ?, ?, ?)"""
    facts = json.dumps(dict(session.facts), sort_keys=True)
    head = (session.started_at, session.ended_at, int(session.forced), session.rounds, facts)
    number = db.execute(sql, (*head, json.dumps(work))).lastrowid or 0
    for place, load in enumerate(session.loads):
        for taken, each in enumerate(load.passes):
            db.execute(
                "INSERT INTO drift_pass VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, place, taken, *_pass_row(each)),
            )


def sessions(db: sqlite3.Connection) -> list[DriftSession]:
    """All drift sessions, the oldest first."""
    if not has_table(db, "drift_session"):
        return []
    sql = """SELECT id, started_at, ended_at, forced, rounds, facts, loads FROM drift_session
             ORDER BY id"""
    found = []
    for number, started_at, ended_at, forced, rounds, facts, loads in db.execute(sql).fetchall():
        work = [tuple(rows.workload_of(*one) for one in load) for load in parse_json(loads)]
        one = DriftSession(
            started_at=started_at,
            ended_at=ended_at,
            forced=bool(forced),
            rounds=rounds,
            facts=rows.json_object(facts),
            loads=tuple(
                DriftLoad(work=each, passes=_passes(db, number, place, len(each)))
                for place, each in enumerate(work)
            ),
        )
        _ = one.span_s  # a time that cannot be read is damage
        found.append(one)
    return found


def _passes(db: sqlite3.Connection, session: int, load: int, places: int) -> tuple[Pass, ...]:
    sql = """SELECT dropped_ns, dropped_crc32, samples_ns, visits, retaken, facts, crc32
             FROM drift_pass WHERE session_id = ? AND load = ? ORDER BY number"""
    where = f"drift session {session}"
    found = []
    for dropped, check, *row in db.execute(sql, (session, load)):
        if dropped is not None and zlib.crc32(dropped) != check:
            raise ValueError(f"a pass of {where} is not what was written")
        again_ns = None if dropped is None else np.frombuffer(dropped, dtype=rows.FLOATS)
        found.append(rows.with_dropped(rows.checked_pass(row, places, where), again_ns))
    if not found:
        raise ValueError(f"{where} lacks the passes of a load")
    return tuple(found)


def _pass_row(one: Pass) -> tuple[bytes, bytes, int, str, int, bytes | None, int | None]:
    samples = np.asarray(one.samples_ns, dtype=rows.FLOATS).tobytes()
    visits = np.asarray(one.visits, dtype=rows.INTS).tobytes()
    facts = json.dumps(dict(one.facts), sort_keys=True)
    head = (samples, visits, one.retaken, facts, rows.checksum(samples, visits, facts))
    if one.dropped_ns is None:
        return (*head, None, None)
    dropped = np.asarray(one.dropped_ns, dtype=rows.FLOATS).tobytes()
    return (*head, dropped, zlib.crc32(dropped))
