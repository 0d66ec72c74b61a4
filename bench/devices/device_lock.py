"""One measurement at a time on a device: a lock that the kernel releases when its process ends.

The lock is a file that is locked, not one that exists: nothing is left to be cleared after a crash.
It is the device's own (`Device.lock_name`), however the device is addressed, and holds for all
processes of one user. Within the process that holds it, taking it again does nothing, so that each
function that measures takes it, and a command takes it before it looks whether the device is quiet.
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
from typing import Protocol

from bench.errors import DeviceInUseError, FileError
from bench.files import state_folder
from bench.reading import from_plain

POLL_S = 1.0
WRITTEN_S = 0.5  # within which a process that has the lock has written who it is
COMMAND_CHARACTERS = 160


class Lockable(Protocol):
    """What is needed of a device."""

    @property
    def address(self) -> str: ...

    def lock_name(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that measures; `since` is its local time."""

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} (`{self.command}`, since {self.since})"


class _Held(threading.local):
    """What this thread holds."""

    def __init__(self) -> None:
        self.names: set[str] = set()


_held = _Held()
_open_files: set[FileIO] = set()


def mute(words: str) -> None:
    """Hear whom is waited for, and say nothing."""
    del words


@contextmanager
def measuring(
    device: Lockable, *, wait: bool = False, tell: Callable[[str], None] = mute
) -> Iterator[None]:
    """Hold the device's lock for as long as the block lasts.

    Where another process holds it: `DeviceInUseError` names that process; or, with `wait`, its end
    is waited for, and `tell` hears for whom. `FileError` where no lock file can be made.
    """
    name = device.lock_name()
    if name is None or name in _held.names or sys.platform == "win32":
        yield
        return
    with _lock_file(name) as file:
        _take(file, device.address, tell if wait else None)
        _held.names.add(name)
        try:
            yield
        finally:
            _held.names.discard(name)
            file.truncate(0)


def lock_folders() -> list[Path]:
    """Where lock files may be, the first that can be written counts; not made yet."""
    temporary = Path(tempfile.gettempdir()) / f"ofabench-{os.getuid()}" / "locks"
    try:
        return [state_folder() / "locks", temporary]
    except RuntimeError:  # nothing says where this user's home is
        return [temporary]


def this_process() -> Holder:
    """Return who this process is, for others that wait for it."""
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
    """Open a lock's file, which is made where it is missing; closing it releases the lock."""
    refused: list[str] = []
    for folder in lock_folders():
        path = folder / f"{name}.lock"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                refused.append(f"{folder} is another user's")
                continue
            file = open(path, "r+b", buffering=0, opener=_create)  # noqa: SIM115
        except OSError as error:
            refused.append(f"{path}: {error.strerror or error}")
            continue
        _open_files.add(file)
        try:
            yield file
        finally:
            _open_files.discard(file)
            file.close()
        return
    raise FileError(
        f"no lock file can be made, which keeps two measurements apart ({'; '.join(refused)}); "
        "name a folder that can be written by XDG_STATE_HOME"
    )


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _take(file: FileIO, address: str, tell: Callable[[str], None] | None) -> None:
    """Lock the file and write who has it; `tell` is None where nobody is waited for."""
    told = ""
    while not _locked(file):
        holder = _holder(file)
        if tell is None:
            raise DeviceInUseError(
                f"{address} is being measured by {holder}; let it end, or wait for it by --wait"
            )
        if holder != told:
            told = holder
            tell(f"waiting for {holder} to end measuring on {address}")
        time.sleep(POLL_S)
    file.truncate(0)
    file.seek(0)
    file.write(json.dumps(asdict(this_process())).encode())


def _locked(file: FileIO) -> bool:
    """Lock the file; False where another process has it."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise FileError(
            f"{file.name} cannot be locked ({error.strerror}), which keeps two measurements apart; "
            "name a folder of another file system by XDG_STATE_HOME"
        ) from error
    return True


def _holder(file: FileIO) -> str:
    """Name the process that has the lock, by what it wrote of itself."""
    deadline_s = time.monotonic() + WRITTEN_S
    while True:
        file.seek(0)
        try:
            found = json.loads(file.read())
            return str(from_plain(Holder, found, "a lock"))
        except (ValueError, TypeError):  # not written yet
            if time.monotonic() > deadline_s:
                return "another process"
        time.sleep(WRITTEN_S / 10)


def _close_in_child() -> None:
    """A forked child, such as a data loader's, must not keep its parent's lock alive."""
    for file in _open_files:
        file.close()
    _open_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
