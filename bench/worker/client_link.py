"""The worker's end of the streams: requests are read by a thread, also while one is answered."""

import os
import select
import threading
from collections.abc import Callable
from queue import SimpleQueue

from bench.devices.worker.frames import FrameReader
from bench.devices.worker.messages import (
    IDLE_S,
    SILENCE_S,
    Message,
    Ping,
    Pong,
    Request,
    Stop,
    pack_message,
    parse_message,
)
from bench.errors import DeviceLostError

READ_BYTES = 1 << 20


class ClientGoneError(Exception):
    """Nobody is at the other end; never leaves the worker."""


class ClientLink:
    """Reads requests and writes replies.

    `stop` is called by the reading thread with the number of a request that the client stops.
    `gone` is called by it, once, when the client has gone: its end of the stream is closed, sent
    something else than frames, or was silent for `silence_s` during a request or for `IDLE_S`.
    """

    def __init__(
        self,
        requests_fd: int,
        replies_fd: int,
        *,
        stop: Callable[[int], None],
        gone: Callable[[], None],
        silence_s: float = SILENCE_S,
    ) -> None:
        self._requests_fd, self._replies_fd = requests_fd, replies_fd
        self._stop, self._gone = stop, gone
        self._silence_s = silence_s
        self._queue: SimpleQueue[Request | None] = SimpleQueue()
        self._writing = threading.Lock()
        self._pong = pack_message(Pong())
        self._asked, self._answered = 0, 0  # requests

    def start(self) -> None:
        """Start to read requests."""
        threading.Thread(target=self._read, daemon=True).start()

    def next_request(self) -> Request | None:
        """Wait for the next request; None when the client has gone."""
        return self._queue.get()

    def answered(self) -> None:
        """Note that the last request has its reply."""
        self._answered += 1

    def send(self, message: Message) -> None:
        """Write a message as a whole; `ClientGoneError` if nobody reads it any more."""
        data = memoryview(pack_message(message))
        try:
            with self._writing:
                while data:
                    data = data[os.write(self._replies_fd, data) :]
        except OSError as error:
            raise ClientGoneError from error

    def _read(self) -> None:
        reader = FrameReader()
        try:
            while data := self._received():
                for frame in reader.feed(data):
                    self._take(parse_message(frame))
        except (DeviceLostError, OSError):  # no client of ours
            pass
        self._queue.put(None)
        self._gone()

    def _received(self) -> bytes:
        """Wait for bytes; none where the client has gone."""
        silent_s = 0.0
        while not select.select([self._requests_fd], [], [], self._silence_s)[0]:
            silent_s += self._silence_s
            if self._asked > self._answered or silent_s >= IDLE_S:
                return b""
        return os.read(self._requests_fd, READ_BYTES)

    def _take(self, message: Message) -> None:
        if isinstance(message, Request):
            self._asked += 1
            self._queue.put(message)
        elif isinstance(message, Stop):
            self._stop(message.number)
        elif isinstance(message, Ping):
            self._answer_ping()

    def _answer_ping(self) -> None:
        """Answer unless a reply is being written, or nobody reads: this thread must not wait."""
        _, writable, _ = select.select([], [self._replies_fd], [], 0)
        if writable and self._writing.acquire(blocking=False):
            try:
                os.write(self._replies_fd, self._pong)
            finally:
                self._writing.release()
