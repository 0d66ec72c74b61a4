"""SQLite files of this project: created completely, checked when opened, with one-line errors."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.errors import FileError

HEADER = b"SQLite format 3\x00"
APPLICATION_ID = 0x0FAB5EE9  # identifies this format in the file's header
SCHEMA_VERSION = 1


@contextmanager
def file_errors(path: Path, action: str) -> Iterator[None]:
    """Convert errors of SQLite and the system to one `FileError` that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot {action} {path}: {_reason(error)}") from error


def create(path: Path, schema: str) -> sqlite3.Connection:
    """Create a file with `schema` and lock it; an incomplete file is removed."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    except FileExistsError as error:
        advice = "name another file, or continue it with --resume"
        raise FileError(f"{path} exists already; {advice}") from error
    except OSError as error:
        raise FileError(f"cannot create {path}: {error.strerror or error}") from error
    try:
        with file_errors(path, "create"), _open(path, "rw") as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.executescript(schema)
            _hold(connection)
            return connection
    except BaseException:
        remove(path)
        raise


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a checked file and lock it."""
    with closing(open_to_read(path)):
        pass
    with file_errors(path, "open"), _open(path, "rw") as connection:
        _hold(connection)
        return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file and check that it is complete and of this format; nothing on disk changes."""
    try:
        with path.open("rb") as file:
            start = file.read(len(HEADER))
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    if start != HEADER:
        raise FileError(f"{path} is not a sweep: not a SQLite file; `ofabench sweep` makes one")
    with file_errors(path, "read"), _open(path, "ro") as connection:
        _check(connection, path)
        return connection


def remove(path: Path) -> None:
    """Delete a database and SQLite's files beside it."""
    for file in (path, *(Path(f"{path}{suffix}") for suffix in ("-wal", "-shm", "-journal"))):
        file.unlink(missing_ok=True)


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Write all changes or none."""
    with file_errors(path, "write"):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """Open a connection that stays open unless the block fails."""
    # Without a log beside it no process writes the file: it can be read without locks or traces.
    unchanged = mode == "ro" and not Path(f"{path}-wal").exists()
    uri = f"{path.absolute().as_uri()}?{'immutable=1' if unchanged else f'mode={mode}'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=1.0)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def _hold(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    # A killed process loses nothing by this; a power failure may lose rounds, never the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")  # takes the lock now, not at the first round
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if owner != APPLICATION_ID:
        raise FileError(f"{path} is a SQLite file of something else, not a sweep of ofabench")
    if version != SCHEMA_VERSION:
        raise FileError(
            f"{path} has version {version} of the sweep format, expected {SCHEMA_VERSION}; "
            "use the ofabench that wrote it, or sweep again"
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        where = " ".join(verdict.replace("*", "").split())
        raise FileError(f"{path} is damaged ({where}); restore a copy, or sweep again")


def _reason(error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        return "another sweep is using it; wait for it, or name another file"
    if "full" in text or "disk I/O" in text:
        return f"{text}; finished replicates are kept: free some space and continue with --resume"
    damaged = (sqlite3.DatabaseError, UnicodeDecodeError)
    if isinstance(error, damaged) and not isinstance(error, sqlite3.OperationalError):
        return f"it is damaged or not a sweep ({text}); restore a copy, or sweep again"
    return text


def has_table(db: sqlite3.Connection, name: str) -> bool:
    """Return whether the file has a table of this name."""
    sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    (count,) = db.execute(sql, (name,)).fetchone()
    return bool(count)
