"""Drift sessions in a sweep's file: all samples of the anchor networks.

The tables are created when the first session is written, so that files of older versions stay
unchanged until then. A session is written in one transaction: an interrupted one leaves no trace.
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
from bench.timing.aggregation import MeasuredRound

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
# loads: for each replicate, the workloads at its places as [role, blocks, label].
# dropped_ns: samples of disturbed bursts that were repeated, null if the device reports none.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftReplicate:
    """One replicate of a drift session: its workloads by place, and its rounds."""

    work: tuple[Workload, ...]
    rounds: tuple[MeasuredRound, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriftSession:
    """A later session that measured the anchor networks again.

    Times are ISO 8601. `rounds` is the number of rounds that count in each replicate, `facts` are
    the device's at the session's start.
    """

    started_at: str
    ended_at: str
    forced: bool
    rounds: int
    facts: Facts
    replicates: tuple[DriftReplicate, ...]

    @property
    def span_s(self) -> tuple[float, float]:
        """When the session began and ended, in seconds since 1970."""
        return unix_s(self.started_at), unix_s(self.ended_at)


def anchors(db: sqlite3.Connection) -> list[Workload] | None:
    """Return the fixed anchor networks, the fastest first; None before the first session."""
    if not has_table(db, "drift_anchor"):
        return None
    stored = db.execute("SELECT blocks, label FROM drift_anchor ORDER BY place").fetchall()
    return [rows.workload_of("network", blocks, label) for blocks, label in stored] or None


def add_session(db: sqlite3.Connection, session: DriftSession, chosen: Sequence[Workload]) -> None:
    """Write a session within a transaction; the first one also fixes the `chosen` anchors."""
    for statement in SCHEMA:
        db.execute(statement)
    if anchors(db) is None:
        for place, anchor in enumerate(chosen):
            row = (place, rows.blocks_text(anchor), anchor.label)
            db.execute("INSERT INTO drift_anchor VALUES (?, ?, ?)", row)
    work = [
        [[workload.role, rows.blocks_text(workload), workload.label] for workload in replicate.work]
        for replicate in session.replicates
    ]
    sql = """INSERT INTO drift_session (started_at, ended_at, forced, rounds, facts, loads)
             VALUES (?, ?, ?, ?, ?, ?)"""
    facts = json.dumps(dict(session.facts), sort_keys=True)
    head = (session.started_at, session.ended_at, int(session.forced), session.rounds, facts)
    number = db.execute(sql, (*head, json.dumps(work))).lastrowid or 0
    for place, replicate in enumerate(session.replicates):
        for place_in_order, measured in enumerate(replicate.rounds):
            db.execute(
                "INSERT INTO drift_pass VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, place, place_in_order, *_round_row(measured)),
            )


def sessions(db: sqlite3.Connection) -> list[DriftSession]:
    """Return all drift sessions, the oldest first."""
    if not has_table(db, "drift_session"):
        return []
    sql = """SELECT id, started_at, ended_at, forced, rounds, facts, loads FROM drift_session
             ORDER BY id"""
    result = []
    for number, started_at, ended_at, forced, rounds, facts, replicates in db.execute(
        sql
    ).fetchall():
        work = [
            tuple(rows.workload_of(*workload) for workload in replicate)
            for replicate in parse_json(replicates)
        ]
        session = DriftSession(
            started_at=started_at,
            ended_at=ended_at,
            forced=bool(forced),
            rounds=rounds,
            facts=rows.json_object(facts),
            replicates=tuple(
                DriftReplicate(work=workloads, rounds=_rounds(db, number, place, len(workloads)))
                for place, workloads in enumerate(work)
            ),
        )
        _ = session.span_s  # a time that cannot be read means a damaged file
        result.append(session)
    return result


def _rounds(
    db: sqlite3.Connection, session: int, replicate: int, places: int
) -> tuple[MeasuredRound, ...]:
    sql = """SELECT dropped_ns, dropped_crc32, samples_ns, visits, retaken, facts, crc32
             FROM drift_pass WHERE session_id = ? AND load = ? ORDER BY number"""
    where = f"drift session {session}"
    rounds = []
    for dropped, check, *row in db.execute(sql, (session, replicate)):
        if dropped is not None and zlib.crc32(dropped) != check:
            raise ValueError(f"a pass of {where} is not what was written")
        dropped_ns = None if dropped is None else np.frombuffer(dropped, dtype=rows.FLOATS)
        rounds.append(rows.with_disturbed(rows.checked_round(row, places, where), dropped_ns))
    if not rounds:
        raise ValueError(f"{where} lacks the passes of a load")
    return tuple(rounds)


def _round_row(
    measured: MeasuredRound,
) -> tuple[bytes, bytes, int, str, int, bytes | None, int | None]:
    samples = np.asarray(measured.samples_ns, dtype=rows.FLOATS).tobytes()
    visits = np.asarray(measured.order, dtype=rows.INTS).tobytes()
    facts = json.dumps(dict(measured.facts), sort_keys=True)
    head = (samples, visits, measured.repeated_bursts, facts, rows.checksum(samples, visits, facts))
    if measured.disturbed_ns is None:
        return (*head, None, None)
    dropped = np.asarray(measured.disturbed_ns, dtype=rows.FLOATS).tobytes()
    return (*head, dropped, zlib.crc32(dropped))
