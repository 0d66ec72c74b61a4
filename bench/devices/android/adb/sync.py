"""File transfer to and from a phone: the sync service, many files over one stream (SYNC.TXT)."""

import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.devices.android.adb.link import Link, Stream
from bench.devices.remote.connection import DeviceFullError, PushFile, silent
from bench.errors import DeviceError, DeviceLostError
from bench.files import read_bytes

REGULAR_FILE = 0o100000
CHUNK_BYTES = 64 * 1024  # the protocol's maximum
FLUSH_BYTES = 1 << 20
FILES_AHEAD = 32  # sent before their answers are awaited
_WORD = struct.Struct("<4sI")
_STAT = struct.Struct("<4sIII")
_FULL = "no space left"


class Sync:
    """One session of the sync service."""

    def __init__(self, stream: Stream, timeout_s: float) -> None:
        self._stream = stream
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._waiting: deque[str] = deque()  # files whose answers are pending
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = silent) -> None:
        """Copy files to the phone; `progress` receives numbers of bytes as they are sent.

        Raises `DeviceFullError` if there is no room, `DeviceError` with the phone's message
        otherwise.
        """
        for file in files:
            self._waiting.append(file.path)
            self._put_file(file, progress)
            if len(self._waiting) >= FILES_AHEAD:
                self._answers()
        self._answers()

    def pull(self, path: str) -> bytes:
        """Return a file's content; `DeviceError` if the phone does not give it."""
        self._put(_request(b"RECV", path))
        self._flush()
        content = bytearray()
        while True:
            kind, size = self._word()
            if kind == b"DONE":
                return bytes(content)
            if kind != b"DATA":
                self._fail(kind, size, path)
            if size > CHUNK_BYTES:
                raise DeviceLostError(f"the phone's answer is garbled: {size} bytes in a chunk")
            content += self._exactly(size)

    def size_bytes(self, path: str) -> int | None:
        """Return the size of a file; None if there is none."""
        self._put(_request(b"STAT", path))
        self._flush()
        kind, mode, size, _ = _STAT.unpack(self._exactly(_STAT.size))
        if kind != b"STAT":
            raise DeviceLostError(f"the phone's answer is garbled: {kind!r} for STAT")
        return size if mode else None

    def close(self) -> None:
        self._stream.close()

    def _put_file(self, file: PushFile, progress: Callable[[int], None]) -> None:
        content = file.content if isinstance(file.content, bytes) else read_bytes(file.content)
        self._put(_request(b"SEND", f"{file.path},{REGULAR_FILE | file.mode}"))
        view = memoryview(content)
        for start in range(0, len(view), CHUNK_BYTES):
            chunk = view[start : start + CHUNK_BYTES]
            self._put(_WORD.pack(b"DATA", len(chunk)), bytes(chunk))
            progress(len(chunk))
        self._put(_WORD.pack(b"DONE", 0))  # modification time 1970: only the content counts

    def _answers(self) -> None:
        """Read the results of the files that were sent."""
        self._flush()
        while self._waiting:
            self._answer()

    def _answer(self) -> None:
        kind, size = self._word()
        path = self._waiting.popleft()
        if kind != b"OKAY":
            self._fail(kind, size, path)

    def _fail(self, kind: bytes, size: int, path: str) -> None:
        if kind != b"FAIL" or size > CHUNK_BYTES:
            raise DeviceLostError(f"the phone's answer is garbled: {kind!r}")
        reason = self._exactly(size).decode("utf-8", "replace")
        message = f"the phone does not take or give {path}: {' '.join(reason.split())}"
        raise DeviceFullError(message) if _FULL in reason.lower() else DeviceError(message)

    def _put(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._unsent.append(piece)
            self._unsent_bytes += len(piece)
        if self._unsent_bytes >= FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._unsent_bytes = 0
        if not data:
            return
        try:
            self._stream.write(data, self._timeout_s)
        except DeviceLostError:
            # A phone that accepts no more data may have sent the reason before it closed the
            # stream.
            while self._waiting:
                self._answer()
            raise

    def _word(self) -> tuple[bytes, int]:
        kind, size = _WORD.unpack(self._exactly(_WORD.size))
        return kind, size

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = self._stream.read(self._timeout_s)
            if not data:
                raise DeviceLostError("the phone closed the transfer before its end")
            self._buffer += data
        content = bytes(self._buffer[:count])
        del self._buffer[:count]
        return content


@contextmanager
def syncing(link: Link, timeout_s: float) -> Iterator[Sync]:
    """Open the service for the duration of the block."""
    session = Sync(link.open("sync:", timeout_s), timeout_s)
    try:
        yield session
    finally:
        session.close()


def _request(kind: bytes, path: str) -> bytes:
    text = path.encode()
    return _WORD.pack(kind, len(text)) + text
