"""A lock for one measurement at a time on a device; the kernel releases it at process end.

The lock is a file that is locked, not one that exists: nothing is left to clean up after a crash.
It is the device's (`Device.lock_name`), whatever its address, and holds for all processes of one
user. In the process that holds it, acquiring it again does nothing: each function that measures
acquires it, and a command acquires it before it checks that the device is idle.
"""

import json
import os
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Protocol, runtime_checkable

from bench.errors import DeviceInUseError, FileError
from bench.files import state_folder
from bench.reading import from_plain

POLL_S = 1.0
WRITTEN_S = 0.5  # time in which a process that has the lock has written its identity
COMMAND_CHARACTERS = 160


class Lockable(Protocol):
    """The members of a device that locking needs."""

    @property
    def address(self) -> str: ...

    def lock_name(self) -> str | None: ...


@runtime_checkable
class LockableThere(Protocol):
    """A device on another machine, which has a lock there too, for those who measure it there."""

    def lock_there(self) -> None:
        """Lock it, or raise `DeviceInUseError` at once."""
        ...

    def unlock_there(self) -> None:
        """Release that lock."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that measures; `since` is its local time."""

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} (`{self.command}`, since {self.since})"


class _HeldLocks(threading.local):
    """Names of the locks that this thread holds."""

    def __init__(self) -> None:
        self.names: set[str] = set()


_held = _HeldLocks()
_open_files: set[FileIO] = set()


def mute(message: str) -> None:
    """Ignore messages about waiting."""
    del message


@contextmanager
def measuring(
    device: Lockable, *, wait: bool = False, notify: Callable[[str], None] = mute
) -> Iterator[None]:
    """Hold the device's lock for the duration of the block.

    If another process holds it, `DeviceInUseError` names that process; with `wait`, its end is
    awaited, and `notify` receives a message. Raises `FileError` if no lock file can be created.
    """
    name = device.lock_name()
    if name is None or name in _held.names or sys.platform == "win32":
        yield
        return
    with _lock_file(name) as file:
        _take(file, device.address, notify if wait else None)
        _held.names.add(name)
        try:
            with _locked_there(device, notify if wait else None):
                yield
        finally:
            _held.names.discard(name)
            file.truncate(0)


def lock_folders() -> list[Path]:
    """Return possible folders of lock files, of which the first writable one is used."""
    temporary = Path(tempfile.gettempdir()) / f"ofabench-{os.getuid()}" / "locks"
    try:
        return [state_folder() / "locks", temporary]
    except RuntimeError:  # the user's home folder is unknown
        return [temporary]


def this_process() -> Holder:
    """Return the identity of this process, for others that wait for it."""
    program, *rest = sys.argv or [""]
    if Path(program).name in ("ofabench", "__main__.py"):
        program = "ofabench"
    command = " ".join(shlex.join([program, *rest]).split())
    return Holder(
        pid=os.getpid(),
        command=command[:COMMAND_CHARACTERS],
        since=datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
    )


@contextmanager
def _lock_file(name: str) -> Iterator[FileIO]:
    """Open a lock's file, created if missing; closing it releases the lock."""
    failures: list[str] = []
    for folder in lock_folders():
        path = folder / f"{name}.lock"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                failures.append(f"{folder} is another user's")
                continue
            file = open(path, "r+b", buffering=0, opener=_create)  # noqa: SIM115
        except OSError as error:
            failures.append(f"{path}: {error.strerror or error}")
            continue
        _open_files.add(file)
        try:
            yield file
        finally:
            _open_files.discard(file)
            file.close()
        return
    raise FileError(
        "no lock file can be created, which prevents simultaneous measurements "
        f"({'; '.join(failures)}); set XDG_STATE_HOME to a writable folder"
    )


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _take(file: FileIO, address: str, notify: Callable[[str], None] | None) -> None:
    """Lock the file and write this process into it; without `notify`, never wait for others."""
    reported = ""
    while not _locked(file):
        holder = _holder(file)
        if notify is None:
            raise DeviceInUseError(
                f"{address} is being measured by {holder}; let it end, or wait for it by --wait"
            )
        if holder != reported:
            reported = holder
            notify(f"waiting for {holder} to end measuring on {address}")
        time.sleep(POLL_S)
    file.truncate(0)
    file.seek(0)
    file.write(json.dumps(asdict(this_process())).encode())


@contextmanager
def _locked_there(device: Lockable, notify: Callable[[str], None] | None) -> Iterator[None]:
    """Hold the lock on the device's own machine, if it is another; see `_take` for `notify`."""
    if not isinstance(device, LockableThere):
        yield
        return
    reported = ""
    while True:
        try:
            device.lock_there()
            break
        except DeviceInUseError as error:
            if notify is None:
                raise
            if str(error) != reported:
                reported = str(error)
                notify(f"waiting: {error}")
        time.sleep(POLL_S)
    try:
        yield
    finally:
        device.unlock_there()


def _locked(file: FileIO) -> bool:
    """Lock the file; return False if another process holds the lock."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise FileError(
            f"{file.name} cannot be locked ({error.strerror}), which prevents simultaneous "
            "measurements; set XDG_STATE_HOME to a folder of another file system"
        ) from error
    return True


def _holder(file: FileIO) -> str:
    """Return the process that holds the lock, as it wrote itself into the file."""
    deadline_s = time.monotonic() + WRITTEN_S
    while True:
        file.seek(0)
        try:
            fields = json.loads(file.read())
            return str(from_plain(Holder, fields, "a lock"))
        except (ValueError, TypeError):  # not written yet
            if time.monotonic() > deadline_s:
                return "another process"
        time.sleep(WRITTEN_S / 10)


def _close_in_child() -> None:
    """Close lock files in a forked child, so that it does not keep its parent's lock."""
    for file in _open_files:
        file.close()
    _open_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
