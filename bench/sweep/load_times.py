"""When each replicate of a sweep was measured, by the host's clock.

The table is made when it is first written: files of older versions lack it, and their loads are
dated by the facts of their passes.
"""

import sqlite3
from collections.abc import Sequence

from bench.drift.session_gap import Span
from bench.protocol.clock import iso, unix_s
from bench.sweep.sqlite_file import has_table
from bench.timing.aggregation import Load

SCHEMA = """CREATE TABLE IF NOT EXISTS load_time (
    load_id INTEGER PRIMARY KEY REFERENCES load (id) ON DELETE CASCADE,
    started_at TEXT NOT NULL, ended_at TEXT NOT NULL)"""


def note_time(db: sqlite3.Connection, load_id: int, started_s: float, ended_s: float) -> None:
    """Keep when a load was measured."""
    db.execute(SCHEMA)
    row = (load_id, iso(started_s), iso(ended_s))
    db.execute("INSERT OR REPLACE INTO load_time VALUES (?, ?, ?)", row)


def load_times(
    db: sqlite3.Connection, loads: Sequence[Load], first_session_at: str | None
) -> list[Span]:
    """When each of all finished `loads` was measured, in their order.

    By the file's own note, else by the passes' `taken_at`; where neither says it, all of it at the
    time of the first session, None where that is not known either.
    """
    sql = "SELECT id FROM load WHERE finished = 1 ORDER BY id"
    numbers = [int(number) for (number,) in db.execute(sql)]
    noted = _noted(db)
    spans = []
    for number, load in zip(numbers, loads, strict=True):
        span = noted.get(number) or _by_passes(load)
        if span is None:
            begun_s = 0.0 if first_session_at is None else unix_s(first_session_at)
            span = (begun_s, begun_s)
        spans.append(span)
    return spans


def _noted(db: sqlite3.Connection) -> dict[int, Span]:
    if not has_table(db, "load_time"):
        return {}
    rows = db.execute("SELECT load_id, started_at, ended_at FROM load_time")
    return {int(number): (unix_s(begun), unix_s(ended)) for number, begun, ended in rows}


def _by_passes(load: Load) -> Span | None:
    moments = [one.facts.get("taken_at") for one in load.passes]
    times_s = [unix_s(one) for one in moments if isinstance(one, str) and one]
    return (min(times_s), max(times_s)) if times_s else None
