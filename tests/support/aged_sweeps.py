"""Sweeps with earlier times of measurement, so that tests need not wait."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.protocol.clock import iso, unix_s
from bench.sweep.sqlite_file import has_table

TABLES = {"load_time": "load_id", "drift_session": "id"}


def age(path: Path, seconds: float) -> None:
    """Move the times of all measurements in a sweep's file into the past."""
    with closing(sqlite3.connect(path)) as db, db:
        for table, key in TABLES.items():
            if not has_table(db, table):
                continue
            sql = f"SELECT {key}, started_at, ended_at FROM {table}"
            for number, *times in db.execute(sql).fetchall():
                moved = [iso(unix_s(time) - seconds) for time in times]
                db.execute(
                    f"UPDATE {table} SET started_at = ?, ended_at = ? WHERE {key} = ?",
                    (*moved, number),
                )
