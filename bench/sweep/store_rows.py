"""What the tables of a sweep's file say, as values."""

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.files import parse_json
from bench.protocol.device import Facts, Workload
from bench.timing.derive import Load, Pass

if TYPE_CHECKING:
    import pandas as pd

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
        specs = tuple(BlockSpec.parse(key) for key in blocks.split(" "))
        found[int(number)] = Workload(role=role, blocks=specs, label=label)
    return found


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
    return _object(found[0]) if found else {}


def _object(text: str) -> dict[str, Any]:
    """Read a JSON object; `ValueError` for any other value."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"it holds {value!r:.40} where an object belongs")
    return value


def sessions(db: sqlite3.Connection) -> list[Session]:
    """All sessions, oldest first."""
    sql = "SELECT started_at, forced, facts, wall_s FROM session ORDER BY id"
    return [
        Session(started_at=at, forced=bool(forced), facts=_object(facts), wall_s=wall_s)
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


def _passes(db: sqlite3.Connection, load_id: int, places: int) -> tuple[Pass, ...]:
    sql = """SELECT samples_ns, visits, retaken, facts, crc32 FROM pass WHERE load_id = ?
             ORDER BY number"""
    found = []
    for samples, visits, retaken, facts, check in db.execute(sql, (load_id,)):
        if checksum(samples, visits, facts) != check:
            raise ValueError(f"a pass of load {load_id} is not what was written")
        one = Pass(
            samples_ns=np.frombuffer(samples, dtype=FLOATS).reshape(places, -1),
            visits=np.frombuffer(visits, dtype=INTS),
            retaken=retaken,
            facts=_object(facts),
        )
        found.append(one)
    return tuple(found)
