"""Rows of a sweep's file as values."""

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.errors import DeviceError
from bench.files import parse_json
from bench.protocol.device import Facts, PassResult, Workload
from bench.sweep.sqlite_file import has_table
from bench.timing.aggregation import Load, Pass

if TYPE_CHECKING:
    import pandas as pd

# Samples of the visits that were taken again, of passes that have some; made when first needed, so
# that files without are as they were. float64, little-endian, retaken x calls; NaN for no time.
DROPPED = """
CREATE TABLE IF NOT EXISTS dropped (
    load_id INTEGER NOT NULL REFERENCES load (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    samples_ns BLOB NOT NULL, crc32 INTEGER NOT NULL, PRIMARY KEY (load_id, number))
"""
FILE = "file:"  # before the digest of a model file
UNRUNNABLE = "unrunnable"  # in meta: reasons by the workloads' keys
FLOATS, INTS = np.dtype("<f8"), np.dtype("<i8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What is in memory together: one place in `work` for each visit of a pass."""

    number: int
    round: int  # which of the planner's answers it came from
    work: tuple[Workload, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A stretch of measuring by one process."""

    started_at: str  # ISO 8601
    forced: bool  # measured although the device was in use
    facts: Facts
    wall_s: float  # until its last finished load


def workloads(db: sqlite3.Connection) -> dict[int, Workload]:
    """All workloads by their numbers."""
    found = {}
    for number, role, blocks, label in db.execute("SELECT id, role, blocks, label FROM workload"):
        found[int(number)] = workload_of(role, blocks, label)
    return found


def blocks_text(workload: Workload) -> str:
    """Return a workload's block keys as a sweep file stores them, or `file:` and a digest."""
    if workload.file:
        return FILE + workload.file
    return " ".join(block.key for block in workload.blocks)


def workload_of(role: str, blocks: str, label: str) -> Workload:
    """A workload of what a file keeps; see `blocks_text`."""
    if blocks.startswith(FILE):
        return Workload(role=role, file=blocks.removeprefix(FILE), label=label)
    specs = tuple(BlockSpec.parse(key) for key in blocks.split(" "))
    return Workload(role=role, blocks=specs, label=label)


def groups(db: sqlite3.Connection) -> list[Group]:
    """All groups, oldest first."""
    known = workloads(db)
    sql = "SELECT id, round, workloads FROM load_group ORDER BY id"
    return [
        Group(number=number, round=round_, work=tuple(known[i] for i in parse_json(ids)))
        for number, round_, ids in db.execute(sql)
    ]


def loads(db: sqlite3.Connection) -> list[Load]:
    """All finished loads with their passes, oldest first."""
    sql = """SELECT load.id, load.group_id, load.number, workloads FROM load
             JOIN load_group ON load_group.id = load.group_id WHERE finished = 1 ORDER BY load.id"""
    found = []
    for load_id, group, number, ids in db.execute(sql).fetchall():
        places = tuple(int(i) for i in parse_json(ids))
        passes = _passes(db, load_id, len(places))
        found.append(Load(group=group, number=number, workloads=places, passes=passes))
    return found


def unrunnable(db: sqlite3.Connection) -> dict[Workload, str]:
    """What the device cannot run, and why."""
    reasons = _reasons(db)
    known = workloads(db).values() if reasons else ()
    return {one: reasons[one.key] for one in known if one.key in reasons}


def note_unrunnable(db: sqlite3.Connection, one: Workload, reason: str) -> None:
    """Add to what the device cannot run."""
    text = json.dumps({**_reasons(db), one.key: reason}, sort_keys=True)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (UNRUNNABLE, text))


def _reasons(db: sqlite3.Connection) -> dict[str, str]:
    found = db.execute("SELECT value FROM meta WHERE name = ?", (UNRUNNABLE,)).fetchone()
    return json_object(found[0]) if found else {}


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object; `ValueError` for any other value."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"it holds {value!r:.40} where an object belongs")
    return value


def sessions(db: sqlite3.Connection) -> list[Session]:
    """All sessions, oldest first."""
    sql = "SELECT started_at, forced, facts, wall_s FROM session ORDER BY id"
    return [
        Session(started_at=at, forced=bool(forced), facts=json_object(facts), wall_s=wall_s)
        for at, forced, facts, wall_s in db.execute(sql)
    ]


def samples_frame(found: Sequence[Load], known: Mapping[int, Workload]) -> "pd.DataFrame":
    """One row a sample: role, key, group, load, pass, place, call, ns, retaken (in its pass)."""
    import pandas as pd

    frames = []
    for load in found:
        keys = [known[i].key for i in load.workloads]
        roles = [known[i].role for i in load.workloads]
        for number, one in enumerate(load.passes):
            places, calls = one.samples_ns.shape
            place, call = np.divmod(np.arange(places * calls), calls)
            columns = {
                "role": np.repeat(roles, calls),
                "key": np.repeat(keys, calls),
                "group": load.group,
                "load": load.number,
                "pass": number,
                "place": place,
                "call": call,
                "ns": one.samples_ns.ravel(),
                "retaken": one.retaken,
            }
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def checksum(samples: bytes, visits: bytes, facts: str) -> int:
    """What a pass's row must sum up to."""
    return zlib.crc32(facts.encode(), zlib.crc32(visits, zlib.crc32(samples)))


def keep_dropped(db: sqlite3.Connection, load_id: int, number: int, result: PassResult) -> None:
    """Store the samples of visits that were taken again, where the device gives some.

    `DeviceError` where they are not as many as visits were, or one is no time.
    """
    if result.dropped_ns is None or not len(result.dropped_ns):
        return
    samples_ns = np.asarray(result.dropped_ns, dtype=FLOATS)
    if samples_ns.shape != (result.retaken, result.samples_ns.shape[1]) or (samples_ns <= 0).any():
        raise DeviceError(
            f"the device gave {samples_ns.shape} times of {result.retaken} visits that were taken "
            "again, expected as many, all above 0"
        )
    samples = samples_ns.tobytes()
    db.execute(DROPPED)
    row = (load_id, number, samples, zlib.crc32(samples))
    db.execute("INSERT INTO dropped VALUES (?, ?, ?, ?)", row)


def _dropped(db: sqlite3.Connection, load_id: int) -> dict[int, NDArray[np.float64]]:
    """Of a load's passes by number, the samples of visits that were taken again."""
    if not has_table(db, "dropped"):
        return {}
    sql = "SELECT number, samples_ns, crc32 FROM dropped WHERE load_id = ?"
    found = {}
    for number, samples, check in db.execute(sql, (load_id,)):
        if zlib.crc32(samples) != check:
            raise ValueError(f"a pass of load {load_id} is not what was written")
        found[int(number)] = np.frombuffer(samples, dtype=FLOATS)
    return found


def _passes(db: sqlite3.Connection, load_id: int, places: int) -> tuple[Pass, ...]:
    dropped = _dropped(db, load_id)
    sql = """SELECT number, samples_ns, visits, retaken, facts, crc32 FROM pass WHERE load_id = ?
             ORDER BY number"""
    found = []
    for number, *row in db.execute(sql, (load_id,)):
        one = checked_pass(row, places, f"load {load_id}")
        found.append(with_dropped(one, dropped.get(number)))
    return tuple(found)


def checked_pass(row: Sequence[Any], places: int, where: str) -> Pass:
    """Read a pass: samples, visits, retaken, facts, checksum; `ValueError` where it is damaged."""
    samples, visits, retaken, facts, check = row
    if checksum(samples, visits, facts) != check:
        raise ValueError(f"a pass of {where} is not what was written")
    return Pass(
        samples_ns=np.frombuffer(samples, dtype=FLOATS).reshape(places, -1),
        visits=np.frombuffer(visits, dtype=INTS),
        retaken=retaken,
        facts=json_object(facts),
    )


def with_dropped(one: Pass, again_ns: NDArray[np.float64] | None) -> Pass:
    """Add the samples of visits that were taken again, where any are kept."""
    if again_ns is None:
        return one
    return replace(one, dropped_ns=again_ns.reshape(one.retaken, one.samples_ns.shape[1]))
