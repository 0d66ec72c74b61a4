"""`sync:`, files both ways (file_sync_protocol.h, daemon/file_sync_service.cpp)."""

import errno
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path

from tests.pocket_phone.disk import Disk, refusal
from tests.pocket_phone.places import Places
from tests.pocket_phone.stream import ClosedError, Stream

HEAD = struct.Struct("<4sI")
STAT_1 = struct.Struct("<4s3I")
STAT_2 = struct.Struct("<4sI2Q4IQ3q")
LENGTH = struct.Struct("<I")
DATA_MAX_BYTES = 64 * 1024
PATH_MAX_BYTES = 1024


class FailError(Exception):
    """The phone says FAIL with this text, and ends the stream."""


class WriteError(Exception):
    """A file could not be written; the phone says this, and reads on to the file's end."""


class SyncService:
    """One `sync:` stream."""

    def __init__(self, stream: Stream, places: Places, disk: Disk) -> None:
        self._stream, self._places, self._disk = stream, places, disk

    def run(self) -> None:
        """Answer requests until the host quits, or one fails."""
        with suppress(ClosedError):
            try:
                while self._answer():
                    pass
            except FailError as fail:
                self._fail(str(fail))
            self._stream.close()

    def _answer(self) -> bool:
        request, size = HEAD.unpack(self._stream.read(HEAD.size))
        if size > PATH_MAX_BYTES:
            raise FailError("path too long")
        path = self._stream.read(size).decode(errors="surrogateescape")
        match request:
            case b"STAT":
                self._stream.write(_stat_1(self._places.host(path)))
            case b"STA2" | b"LST2":
                self._stream.write(_stat_2(request, self._places.host(path)))
            case b"LIST" | b"LIS2":
                self._list(path, version_2=request == b"LIS2")
            case b"SEND":
                return self._take(path)
            case b"RECV":
                self._give(path)
            case b"QUIT":
                return False
            case _:
                raise FailError(f"unknown command {int.from_bytes(request, 'little'):08x}")
        return True

    def _list(self, path: str, *, version_2: bool) -> None:
        folder = self._places.host(path)
        names = [".", "..", *sorted(os.listdir(folder))] if folder.is_dir() else []
        for name in names:
            raw = os.fsencode(name)
            head = _stat_2(b"DNT2", folder / name) if version_2 else _stat_1(folder / name, b"DENT")
            self._stream.write(head + LENGTH.pack(len(raw)) + raw)
        entry = STAT_2 if version_2 else STAT_1
        self._stream.write(b"DONE".ljust(entry.size + LENGTH.size, b"\0"))

    def _take(self, spec: str) -> bool:
        """A file from the host; after a failure its data is read and thrown away, to the end."""
        path, comma, mode = spec.rpartition(",")
        if not comma:
            raise FailError("missing , in ID_SEND")
        host_path, done = self._places.host(path), False
        try:
            seconds = self._write(self._create(path, host_path, int(mode, 0)))
            os.utime(host_path, (seconds, seconds))
            done = True
        except WriteError as error:
            self._fail(str(error))
            self._throw_away()
        finally:
            if not done and not refusal(path):
                host_path.unlink(missing_ok=True)
        if done:
            self._stream.write(HEAD.pack(b"OKAY", 0))
        return done

    def _create(self, path: str, host_path: Path, mode: int) -> int:
        """Open a new file; everybody has the permissions of the host's user."""
        bits = mode & 0o777 | mode >> 3 & 0o070 | mode >> 6 & 0o007
        if number := refusal(path):
            raise WriteError(f"couldn't create file: {os.strerror(number)}")
        try:
            host_path.unlink(missing_ok=True)
            host_path.parent.mkdir(parents=True, exist_ok=True)
            out = os.open(host_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, bits)
        except OSError as error:
            raise WriteError(f"couldn't create file: {error.strerror}") from error
        os.fchmod(out, bits)
        return out

    def _write(self, out: int) -> int:
        """Write what comes; the result is the time that the host gives the file, in seconds."""
        room = self._disk.room_bytes()
        with os.fdopen(out, "wb", buffering=0) as file:
            while True:
                data, seconds = self._next_data()
                if seconds is not None:
                    return seconds
                if room is not None and len(data) > room:
                    file.write(data[:room])
                    raise WriteError(f"write failed: {os.strerror(errno.ENOSPC)}")
                file.write(data)
                room = None if room is None else room - len(data)

    def _next_data(self) -> tuple[bytes, int | None]:
        """A piece; or the end, with the file's time."""
        kind, size = HEAD.unpack(self._stream.read(HEAD.size))
        if kind == b"DONE":
            return b"", int(size)
        if kind != b"DATA":
            raise FailError("invalid data message")
        if size > DATA_MAX_BYTES:
            raise FailError("oversize data message")
        return self._stream.read(size), None

    def _throw_away(self) -> None:
        while True:
            kind, size = HEAD.unpack(self._stream.read(HEAD.size))
            if kind != b"DATA" or size > DATA_MAX_BYTES:
                return
            self._stream.read(size)

    def _give(self, path: str) -> None:
        try:
            with self._places.host(path).open("rb") as file:
                while data := file.read(DATA_MAX_BYTES - HEAD.size):
                    self._stream.write(HEAD.pack(b"DATA", len(data)) + data)
        except OSError as error:
            what = "read failed" if error.errno == errno.EISDIR else "open failed"
            raise FailError(f"{what}: {os.strerror(error.errno or 0)}") from error
        self._stream.write(HEAD.pack(b"DONE", 0))

    def _fail(self, text: str) -> None:
        self._stream.write(HEAD.pack(b"FAIL", len(text)) + text.encode())


def _stat_1(path: Path, kind: bytes = b"STAT") -> bytes:
    """Mode, size and time; zeros for what is not there."""
    try:
        info = path.lstat()
    except OSError:
        return STAT_1.pack(kind, 0, 0, 0)
    return STAT_1.pack(kind, info.st_mode, info.st_size & 0xFFFFFFFF, int(info.st_mtime))


def _stat_2(kind: bytes, path: Path) -> bytes:
    try:
        info = path.stat() if kind == b"STA2" else path.lstat()
    except OSError as error:
        return STAT_2.pack(kind, error.errno or 0, *[0] * 10)
    assert stat.S_IFMT(info.st_mode)
    return STAT_2.pack(
        *(kind, 0, info.st_dev, info.st_ino, info.st_mode, info.st_nlink),
        *(2000, 2000, info.st_size),  # shell's uid and gid
        *(int(info.st_atime), int(info.st_mtime), int(info.st_ctime)),
    )
