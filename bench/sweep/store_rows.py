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
from bench.protocol.device import Facts, RoundResult, Workload
from bench.sweep.sqlite_file import has_table
from bench.timing.aggregation import MeasuredRound, Replicate

if TYPE_CHECKING:
    import pandas as pd

# Samples of the disturbed bursts that were repeated, for rounds that have some; created when first
# needed, so that files without it stay unchanged. float64, little-endian, repeated bursts x
# samples; NaN for an invalid time.
DROPPED = """
CREATE TABLE IF NOT EXISTS dropped (
    load_id INTEGER NOT NULL REFERENCES load (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    samples_ns BLOB NOT NULL, crc32 INTEGER NOT NULL, PRIMARY KEY (load_id, number))
"""
FILE = "file:"  # before the digest of a model file
UNRUNNABLE = "unrunnable"  # name in `meta`: reasons by the workloads' keys
FLOATS, INTS = np.dtype("<f8"), np.dtype("<i8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Workloads that are in memory together: one place in `work` for each burst of a round."""

    number: int
    round: int  # the number of the planner's request
    work: tuple[Workload, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A stretch of measuring by one process."""

    started_at: str  # ISO 8601
    forced: bool  # measured although the device was in use
    facts: Facts
    wall_s: float  # until its last finished replicate


def workloads(db: sqlite3.Connection) -> dict[int, Workload]:
    """Return all workloads by their numbers."""
    by_number = {}
    for number, role, blocks, label in db.execute("SELECT id, role, blocks, label FROM workload"):
        by_number[int(number)] = workload_of(role, blocks, label)
    return by_number


def blocks_text(workload: Workload) -> str:
    """Return a workload's block keys as a sweep file stores them, or `file:` and a digest."""
    if workload.file:
        return FILE + workload.file
    return " ".join(block.key for block in workload.blocks)


def workload_of(role: str, blocks: str, label: str) -> Workload:
    """Return the workload of stored values; see `blocks_text`."""
    if blocks.startswith(FILE):
        return Workload(role=role, file=blocks.removeprefix(FILE), label=label)
    specs = tuple(BlockSpec.parse(key) for key in blocks.split(" "))
    return Workload(role=role, blocks=specs, label=label)


def groups(db: sqlite3.Connection) -> list[Group]:
    """Return all groups, oldest first."""
    known = workloads(db)
    sql = "SELECT id, round, workloads FROM load_group ORDER BY id"
    return [
        Group(number=number, round=round_, work=tuple(known[i] for i in parse_json(ids)))
        for number, round_, ids in db.execute(sql)
    ]


def replicates(db: sqlite3.Connection) -> list[Replicate]:
    """Return all finished replicates with their rounds, oldest first."""
    sql = """SELECT load.id, load.group_id, load.number, workloads FROM load
             JOIN load_group ON load_group.id = load.group_id WHERE finished = 1 ORDER BY load.id"""
    replicates = []
    for replicate_id, group, number, ids in db.execute(sql).fetchall():
        places = tuple(int(i) for i in parse_json(ids))
        rounds = _rounds(db, replicate_id, len(places))
        replicates.append(Replicate(group=group, number=number, workloads=places, rounds=rounds))
    return replicates


def unrunnable(db: sqlite3.Connection) -> dict[Workload, str]:
    """Return the workloads that the device cannot run, and why."""
    reasons = _reasons(db)
    known = workloads(db).values() if reasons else ()
    return {workload: reasons[workload.key] for workload in known if workload.key in reasons}


def note_unrunnable(db: sqlite3.Connection, workload: Workload, reason: str) -> None:
    """Store that the device cannot run a workload."""
    text = json.dumps({**_reasons(db), workload.key: reason}, sort_keys=True)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (UNRUNNABLE, text))


def _reasons(db: sqlite3.Connection) -> dict[str, str]:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (UNRUNNABLE,)).fetchone()
    return json_object(row[0]) if row else {}


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object; `ValueError` for any other value."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"it holds {value!r:.40} in place of an object")
    return value


def sessions(db: sqlite3.Connection) -> list[Session]:
    """Return all sessions, oldest first."""
    sql = "SELECT started_at, forced, facts, wall_s FROM session ORDER BY id"
    return [
        Session(started_at=started_at, forced=bool(forced), facts=json_object(facts), wall_s=wall_s)
        for started_at, forced, facts, wall_s in db.execute(sql)
    ]


def samples_frame(replicates: Sequence[Replicate], known: Mapping[int, Workload]) -> "pd.DataFrame":
    """Return one row per sample: role, key, group, load, pass, place, call, ns, retaken."""
    import pandas as pd

    frames = []
    for replicate in replicates:
        keys = [known[i].key for i in replicate.workloads]
        roles = [known[i].role for i in replicate.workloads]
        for number, measured in enumerate(replicate.rounds):
            places, samples_per_burst = measured.samples_ns.shape
            place, sample = np.divmod(np.arange(places * samples_per_burst), samples_per_burst)
            columns = {
                "role": np.repeat(roles, samples_per_burst),
                "key": np.repeat(keys, samples_per_burst),
                "group": replicate.group,
                "load": replicate.number,
                "pass": number,
                "place": place,
                "call": sample,
                "ns": measured.samples_ns.ravel(),
                "retaken": measured.repeated_bursts,
            }
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def checksum(samples: bytes, visits: bytes, facts: str) -> int:
    """Return the checksum of a round's row."""
    return zlib.crc32(facts.encode(), zlib.crc32(visits, zlib.crc32(samples)))


def keep_dropped(
    db: sqlite3.Connection, replicate_id: int, number: int, result: RoundResult
) -> None:
    """Store the samples of disturbed bursts that were repeated, if the device reports them.

    Raises `DeviceError` if their number is not that of the repeated bursts, or one is not a valid
    time.
    """
    if result.disturbed_ns is None or not len(result.disturbed_ns):
        return
    samples_ns = np.asarray(result.disturbed_ns, dtype=FLOATS)
    if (
        samples_ns.shape != (result.repeated_bursts, result.samples_ns.shape[1])
        or (samples_ns <= 0).any()
    ):
        raise DeviceError(
            f"the device gave {samples_ns.shape} times of {result.repeated_bursts} repeated "
            "bursts, expected as many, all above 0"
        )
    samples = samples_ns.tobytes()
    db.execute(DROPPED)
    row = (replicate_id, number, samples, zlib.crc32(samples))
    db.execute("INSERT INTO dropped VALUES (?, ?, ?, ?)", row)


def _dropped(db: sqlite3.Connection, replicate_id: int) -> dict[int, NDArray[np.float64]]:
    """Return the samples of repeated bursts of a replicate's rounds, by the rounds' numbers."""
    if not has_table(db, "dropped"):
        return {}
    sql = "SELECT number, samples_ns, crc32 FROM dropped WHERE load_id = ?"
    by_round = {}
    for number, samples, check in db.execute(sql, (replicate_id,)):
        if zlib.crc32(samples) != check:
            raise ValueError(f"a round of replicate {replicate_id} is not what was written")
        by_round[int(number)] = np.frombuffer(samples, dtype=FLOATS)
    return by_round


def _rounds(db: sqlite3.Connection, replicate_id: int, places: int) -> tuple[MeasuredRound, ...]:
    dropped = _dropped(db, replicate_id)
    sql = """SELECT number, samples_ns, visits, retaken, facts, crc32 FROM pass WHERE load_id = ?
             ORDER BY number"""
    rounds = []
    for number, *row in db.execute(sql, (replicate_id,)):
        stored = checked_round(row, places, f"replicate {replicate_id}")
        rounds.append(with_disturbed(stored, dropped.get(number)))
    return tuple(rounds)


def checked_round(row: Sequence[Any], places: int, where: str) -> MeasuredRound:
    """Read a round: samples, visits, retaken, facts, checksum; `ValueError` if it is damaged."""
    samples, visits, retaken, facts, check = row
    if checksum(samples, visits, facts) != check:
        raise ValueError(f"a round of {where} is not what was written")
    return MeasuredRound(
        samples_ns=np.frombuffer(samples, dtype=FLOATS).reshape(places, -1),
        order=np.frombuffer(visits, dtype=INTS),
        repeated_bursts=retaken,
        facts=json_object(facts),
    )


def with_disturbed(
    stored: MeasuredRound, disturbed_ns: NDArray[np.float64] | None
) -> MeasuredRound:
    """Return the round with the samples of repeated bursts added, if any are stored."""
    if disturbed_ns is None:
        return stored
    return replace(
        stored,
        disturbed_ns=disturbed_ns.reshape(stored.repeated_bursts, stored.samples_ns.shape[1]),
    )
