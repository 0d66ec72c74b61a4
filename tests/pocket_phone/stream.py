"""The phone's end of one ADB stream: one message each way may be under way."""

import threading
from collections.abc import Callable

from tests.pocket_phone.wire import CLSE, OKAY, WRTE, ViolationError

# What the phone takes before a service has read it, like the socket between adbd and a service.
BUFFER_BYTES = 1 << 18
Send = Callable[[int, int, int, bytes], None]


class ClosedError(Exception):
    """The host closed the stream, or the connection broke."""


class Stream:
    """Services read and write it; the session tells it what the host sent."""

    def __init__(self, send: Send, local: int, remote: int, max_write: int) -> None:
        self._send, self.local, self.remote = send, local, remote
        self._max_write = max_write
        self._changed = threading.Condition()
        self._data = bytearray()
        self._ready = True  # the host takes a message
        self._owed = False  # the host waits for an OKAY
        self.closed = False
        self.host_closed = threading.Event()
        self._at_end: Callable[[], None] | None = None

    def on_data(self, data: bytes) -> None:
        with self._changed:
            if self._owed:
                raise ViolationError(f"WRTE to stream {self.local} before its OKAY")
            self._data += data
            self._owed = True
            self._settle()
            self._changed.notify_all()

    def on_ready(self) -> None:
        with self._changed:
            if self._ready and not self.closed:
                raise ViolationError(f"OKAY to stream {self.local} for nothing")
            self._ready = True
            self._changed.notify_all()

    def on_close(self) -> None:
        """The stream is over; what the host sent before can still be read."""
        with self._changed:
            self.closed = True
            self.host_closed.set()
            self._changed.notify_all()
            at_end, self._at_end = self._at_end, None
        if at_end:
            at_end()

    def when_over(self, at_end: Callable[[], None]) -> None:
        """Call once the stream is over, or now where it is."""
        with self._changed:
            self._at_end = at_end
            closed = self.closed
        if closed:
            self.on_close()

    def read(self, size: int) -> bytes:
        """Read exactly `size` bytes; `ClosedError` where the stream ends before."""
        with self._changed:
            parts = bytearray()
            while len(parts) < size:
                while not self._data:
                    if self.closed:
                        raise ClosedError
                    self._changed.wait()
                taken = self._data[: size - len(parts)]
                parts += taken
                del self._data[: len(taken)]
                self._settle()
            return bytes(parts)

    def read_some(self, most: int = BUFFER_BYTES) -> bytes:
        """Wait for at least one byte."""
        first = self.read(1)
        with self._changed:
            rest = bytes(self._data[: most - 1])
            del self._data[: len(rest)]
            self._settle()
        return first + rest

    def write(self, data: bytes) -> None:
        """Send all, each message when the host took the one before; `ClosedError` as for reads."""
        for start in range(0, len(data), self._max_write):
            with self._changed:
                while not self._ready and not self.closed:
                    self._changed.wait()
                if self.closed:
                    raise ClosedError
                self._ready = False
                self._send(WRTE, self.local, self.remote, data[start : start + self._max_write])

    def close(self) -> None:
        """End it; as adbd does, without waiting for the host to take what was written."""
        with self._changed:
            if not self.closed:
                self.closed = True
                self._send(CLSE, self.local, self.remote, b"")

    def _settle(self) -> None:
        if self._owed and len(self._data) <= BUFFER_BYTES and not self.closed:
            self._owed = False
            self._send(OKAY, self.local, self.remote, b"")
