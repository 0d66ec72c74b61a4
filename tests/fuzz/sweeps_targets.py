"""Fuzz targets of sweeps in SQLite: files, and values in their tables."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.protocol.device import RoundResult, Workload
from bench.protocol.energy import EnergyReading, EnergySource
from bench.protocol.target import Target
from bench.sweep.energy_rows import StoredReading
from bench.sweep.store import SweepStore
from bench.sweep.store_rows import checksum
from bench.timing.plan import SweepPlan
from tests.fuzz.target import FuzzTarget, file_of, scratch_folder

TARGET = Target(device="d", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=2, rounds=2, samples=2, requested=(("space", "tiny"),))
COLUMNS = {
    "meta": ("name", "value"),
    "session": ("started_at", "forced", "facts", "wall_s"),
    "workload": ("role", "blocks", "label"),
    "load_group": ("round", "workloads"),
    "load": ("group_id", "number", "finished"),
    "pass": ("load_id", "number", "samples_ns", "visits", "retaken", "facts"),
    "dropped": ("load_id", "number", "samples_ns"),
    "energy": ("workload_id", "number", "source", "reading"),
}


def read_sweep(path: Path) -> None:
    """All that is read of a sweep."""
    with SweepStore.open(path) as store:
        readings: list[Callable[[], object]] = [
            store.groups, store.replicates, store.sessions, store.unrunnable, store.measurements,
            store.to_frame, store.replicate_times, store.drift_sessions, store.drift_log,
            store.energies, store.energy_source,
        ]  # fmt: skip
        for reading in readings:
            reading()


def read_file(data: bytes) -> None:
    """A file as it is."""
    read_sweep(file_of(data, ".sqlite"))


def read_values(data: bytes) -> None:
    """A whole file with changed values: lines of JSON, [table, row, column, value].

    Sums of passes are made to fit. A line that is no such change is passed over.
    """
    path = scratch_folder() / "changed.sqlite"
    shutil.copyfile(_seed(), path)
    with closing(sqlite3.connect(path)) as db:
        for line in data.split(b"\n"):
            _change(db, line)
        db.create_function("summed", 3, _summed)
        db.execute("UPDATE pass SET crc32 = summed(samples_ns, visits, facts)")
        db.execute("UPDATE dropped SET crc32 = summed(samples_ns, x'', '')")
        db.execute("UPDATE energy SET crc32 = summed(CAST(reading AS BLOB), x'', '')")
        db.commit()
    read_sweep(path)


def _change(db: sqlite3.Connection, line: bytes) -> None:
    try:
        table, row, column, value = json.loads(line)
        name = COLUMNS[table][column % len(COLUMNS[table])]
        bytes_in = bytes(value) if isinstance(value, list) else value
        place = f"(SELECT rowid FROM {table} LIMIT 1 OFFSET ?)"
        sql = f"UPDATE {table} SET {name} = ? WHERE rowid = {place}"
        db.execute(sql, (bytes_in, int(row)))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, sqlite3.Error):
        return


def _summed(samples: Any, visits: Any, facts: Any) -> int:
    try:
        return checksum(samples, visits, facts)
    except (TypeError, AttributeError):
        return 0


@cache
def _seed() -> Path:
    path = scratch_folder() / "seed.sqlite"
    work = [
        Workload(
            role="block",
            blocks=(BlockSpec(kind="max_pool", in_size=side, in_channels=8, out_channels=8),),
        )
        for side in (8, 16)
    ]
    samples_ns = np.array([[2e6, 1e6], [4e6, 2e6]])
    facts = {"taken_at": "2020-01-01T00:00:00", "governor": None}
    result = RoundResult(
        samples_ns=samples_ns,
        order=np.array([1, 0, 1]),
        repeated_bursts=1,
        facts=facts,
        disturbed_ns=np.array([[9e6, 8e6]]),
    )
    with SweepStore.create(path, TARGET, PLAN) as store:
        session = store.begin_session({"cpu_cores": 2}, "2020-01-01T00:00:00", forced=False)
        store.add_groups([work])
        (group,) = store.groups()
        for number in range(2):
            load = store.begin_replicate(group.number, number)
            for place in range(2):
                store.add_round(load, place, result)
            store.finish_replicate(load, session, 3.0)
            reading = EnergyReading(
                place=0, inferences=9, window_s=1.0, busy_s=1.0, joules=5.0, idle_before_w=2.0
            )
            stored = StoredReading(number=number, source="rapl", reading=reading)
            store.add_energy(work[0], stored)
        store.note_energy_source(EnergySource(name="rapl"))
    with closing(sqlite3.connect(path)) as db:  # no log beside it, and as small as can be
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA page_size = 512")
        db.execute("VACUUM")
    return path


def _value_seeds() -> list[bytes]:
    changes = [
        ["meta", 0, 1, "{}"],
        ["session", 0, 2, "[]"],
        ["workload", 0, 1, 5],
        ["load_group", 0, 1, "[1, 2]"],
        ["load", 0, 2, 0],
        ["pass", 0, 2, [0] * 32],
        ["pass", 1, 3, [1] + [0] * 15],
        ["pass", 0, 5, '{"throttled": true}'],
        ["energy", 0, 3, '{"place": 0, "inferences": 1, "window_s": 1, "busy_s": 1, "joules": 1}'],
        ["energy", 1, 0, 5],
    ]
    return [b"{}", *(json.dumps(change).encode() for change in changes)]


TARGETS = (
    FuzzTarget(
        name="sweep_file",
        read=read_file,
        seeds=lambda: [_seed().read_bytes()],
        largest=1 << 16,
    ),
    FuzzTarget(
        name="sweep_values",
        read=read_values,
        seeds=_value_seeds,
        # Facts of a pass, of a session and reasons that are no objects.
        regressions=lambda: [
            b'["pass", 0, 5, "5"]',
            b'["pass", 0, 5, "[]"]',
            b'["session", 0, 2, "7"]',
        ],
    ),
)
