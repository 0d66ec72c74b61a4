"""Energy readings in a sweep's file: one of each workload and replicate, stored as it ends."""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bench.files import parse_json
from bench.protocol.device import Workload
from bench.protocol.energy import EnergyReading, EnergySource
from bench.reading import from_plain
from bench.sweep.sqlite_file import has_table
from bench.timing.energy import Energy

# Created when first needed, so that files without energy stay unchanged. `reading` is JSON,
# crc32 its checksum.
ENERGY = """
CREATE TABLE IF NOT EXISTS energy (
    workload_id INTEGER NOT NULL REFERENCES workload (id), number INTEGER NOT NULL,
    source TEXT NOT NULL, reading TEXT NOT NULL, crc32 INTEGER NOT NULL,
    PRIMARY KEY (workload_id, number))
"""
SOURCE = "energy_source"  # name in `meta`


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReading:
    """A reading of the replicate `number` of a workload, and the sensor that it is from."""

    number: int
    source: str
    reading: EnergyReading


def note_source(db: sqlite3.Connection, source: EnergySource) -> None:
    """Store the device's sensor, or why it has none."""
    text = json.dumps(asdict(source), sort_keys=True)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SOURCE, text))


def source_of(db: sqlite3.Connection) -> EnergySource | None:
    """Return the sensor that energy was last measured with; None if it never was."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (SOURCE,)).fetchone()
    return None if row is None else from_plain(EnergySource, parse_json(row[0]), "its sensor")


def add_reading(db: sqlite3.Connection, workload_id: int, stored: StoredReading) -> None:
    """Store a reading in place of an earlier one of the same replicate."""
    db.execute(ENERGY)
    text = json.dumps(asdict(stored.reading), sort_keys=True)
    row = (workload_id, stored.number, stored.source, text, zlib.crc32(text.encode()))
    db.execute("INSERT OR REPLACE INTO energy VALUES (?, ?, ?, ?, ?)", row)


def readings(
    db: sqlite3.Connection, known: Mapping[int, Workload]
) -> dict[Workload, list[StoredReading]]:
    """Return the readings of each workload, by replicate; `ValueError` if one is damaged."""
    if not has_table(db, "energy"):
        return {}
    sql = "SELECT workload_id, number, source, reading, crc32 FROM energy ORDER BY 1, 2"
    result: dict[Workload, list[StoredReading]] = {}
    for workload_id, number, source, text, check in db.execute(sql):
        if zlib.crc32(text.encode()) != check:
            raise ValueError("an energy reading is not what was written")
        reading = from_plain(EnergyReading, parse_json(text), "an energy reading")
        result.setdefault(known[workload_id], []).append(
            StoredReading(number=number, source=source, reading=reading)
        )
    return result


def energy_of(stored: list[StoredReading]) -> Energy:
    """Return the energy of one workload's readings."""
    sources = dict.fromkeys(each.source for each in stored if each.source)
    return Energy.of([each.reading for each in stored], "; ".join(sources))
