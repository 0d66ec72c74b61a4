"""When each replicate of a sweep was measured, by the host's clock.

The table is created when it is first written: files of older versions lack it, and their replicates
are dated by the facts of their rounds.
"""

import sqlite3
from collections.abc import Sequence

from bench.drift.session_gap import Span
from bench.protocol.clock import iso, unix_s
from bench.sweep.sqlite_file import has_table
from bench.timing.aggregation import Replicate

SCHEMA = """CREATE TABLE IF NOT EXISTS load_time (
    load_id INTEGER PRIMARY KEY REFERENCES load (id) ON DELETE CASCADE,
    started_at TEXT NOT NULL, ended_at TEXT NOT NULL)"""


def note_time(db: sqlite3.Connection, replicate_id: int, started_s: float, ended_s: float) -> None:
    """Store when a replicate was measured."""
    db.execute(SCHEMA)
    row = (replicate_id, iso(started_s), iso(ended_s))
    db.execute("INSERT OR REPLACE INTO load_time VALUES (?, ?, ?)", row)


def replicate_times(
    db: sqlite3.Connection, replicates: Sequence[Replicate], first_session_at: str | None
) -> list[Span]:
    """Return when each of all finished `replicates` was measured, in their order.

    By the file's own entry, else by the rounds' `taken_at`; if neither is known, the time of the
    first session, or 0 if that is unknown too.
    """
    sql = "SELECT id FROM load WHERE finished = 1 ORDER BY id"
    numbers = [int(number) for (number,) in db.execute(sql)]
    stored = _noted(db)
    spans = []
    for number, replicate in zip(numbers, replicates, strict=True):
        span = stored.get(number) or _by_rounds(replicate)
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


def _by_rounds(replicate: Replicate) -> Span | None:
    taken_at = [measured.facts.get("taken_at") for measured in replicate.rounds]
    times_s = [unix_s(text) for text in taken_at if isinstance(text, str) and text]
    return (min(times_s), max(times_s)) if times_s else None
