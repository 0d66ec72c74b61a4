"""A client of one worker: the start, calls and streams.

While it waits for an answer it sends signs of life: without them the worker would end itself.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from bench.closing import Closing
from bench.devices.worker.calls import signatures
from bench.devices.worker.frames import FrameReader
from bench.devices.worker.messages import (
    Hello,
    LogLine,
    Message,
    Ping,
    Pong,
    RemoteError,
    Reply,
    Request,
    Stop,
    pack_message,
    parse_message,
)
from bench.devices.worker.process import WorkerProcess
from bench.devices.worker.start_failure import check_version, ended, start_failure
from bench.devices.worker.timeouts import DEFAULT_TIMEOUTS, WorkerTimeouts
from bench.devices.worker.values import read_value
from bench.devices.worker.version import own_version
from bench.errors import DeviceError, DeviceLostError, InputError, MissingRuntimeError

READ_S = 1.0  # at most, between two looks at the clock
PING = pack_message(Ping())

logger = logging.getLogger(__name__)


class WorkerClient(Closing):
    """Talks to a worker that has just been started; `close` ends it.

    Every error's message begins with `where`, the device's address. Raises `DeviceLostError` if the
    worker or the connection ended, or was silent for a minute; another worker may then succeed.
    """

    def __init__(
        self,
        process: WorkerProcess,
        python: str,
        where: str,
        timeouts: WorkerTimeouts = DEFAULT_TIMEOUTS,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process, self._python, self._where = process, python, where
        self._timeouts, self._clock_s = timeouts, clock_s
        self._reader = FrameReader()
        self._arrived: deque[Message] = deque()
        self._number = 0
        self._pinged_s = clock_s()
        self._closed = False
        try:
            check_version(self._greeted(), own_version(), python, where)
        except BaseException:
            process.close()
            raise

    def check(self) -> None:
        """Raise `DeviceLostError` if the worker does not answer, as after a long pause."""
        self.call("options")

    def call(self, name: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        """Call the worker and return its result; errors that it raises are raised here."""
        timeout_s = self._timeouts.call_s if timeout_s is None else timeout_s
        number = self._request(name, arguments)
        try:
            reply = self._reply(number, name, timeout_s)
        except BaseException:  # Ctrl-C as well: its answer must not be taken for a later one's
            self.close()
            raise
        return self._value(name, reply)

    def stream(
        self, name: str, *, first_s: float, later_s: Callable[[], float], **arguments: Any
    ) -> Generator[Any]:
        """Yield what a call yields; leaving early ends it there.

        The first item must come within `first_s`, each later one within `later_s()`.
        """
        number = self._request(name, arguments)
        running, limit_s = True, first_s
        try:
            while True:
                reply = self._reply(number, name, limit_s)
                running = reply.kind == "item"
                value = self._value(name, reply)
                if not running:
                    return
                yield value
                limit_s = later_s()
        except DeviceLostError:
            self.close()
            raise
        finally:
            if running and not self._closed:
                self._stop(number, name)

    def close(self) -> None:
        """End the worker: its standard input ends, then the process."""
        if not self._closed:
            self._closed = True
            with suppress(DeviceError):
                self._process.close_stdin()
            self._process.close()

    def _greeted(self) -> Hello:
        try:
            message = self._next(self._clock_s() + self._timeouts.start_s)
        except DeviceLostError as error:
            if self._process.status is None and not self._reader.noise:
                raise
            noise = self._reader.noise
            raise start_failure(self._process, self._python, self._where, noise) from error
        if message is None:
            raise DeviceLostError(
                f"{self._where}: the worker did not begin within {self._timeouts.start_s:.0f} s"
            )
        if not isinstance(message, Hello):
            raise DeviceError(f"{self._where}: the worker began with {message!r:.60}")
        return message

    def _request(self, name: str, arguments: dict[str, Any]) -> int:
        self._number += 1
        request = Request(number=self._number, call=name, arguments=arguments)
        try:
            data = pack_message(request)
        except ValueError as error:
            raise InputError(f"{self._where}: {name} is too large to be sent: {error}") from error
        self._send(data)
        return self._number

    def _send(self, data: bytes) -> None:
        if self._closed:
            raise DeviceLostError(f"{self._where}: the connection to the worker is closed")
        try:
            self._process.write(data)
        except DeviceLostError as error:
            raise DeviceLostError(f"{self._where}: {error}") from error

    def _reply(self, number: int, name: str, limit_s: float) -> Reply:
        """Return the next reply to a request; replies to earlier ones are passed over."""
        deadline_s = self._clock_s() + limit_s
        while True:
            message = self._next(deadline_s)
            if message is None:
                raise DeviceLostError(
                    f"{self._where}: {name} did not answer within {limit_s:.0f} s"
                )
            if isinstance(message, Reply) and message.number == number:
                return message

    def _value(self, name: str, reply: Reply) -> Any:
        where = f"{self._where}: the result of {name}"
        if reply.kind == "error":
            error = read_value(RemoteError, reply.value, where)
            # What is missing must be installed in that environment.
            missing = error.kind == MissingRuntimeError.__name__
            raise error.error(f"{self._where} ({self._python})" if missing else self._where)
        if reply.kind == "stopped":
            return None
        signature = signatures()[name]
        is_end = signature.is_stream and reply.kind == "result"
        return None if is_end else read_value(signature.result, reply.value, where)

    def _next(self, deadline_s: float) -> Message | None:
        """Return the next message that is no sign of life; None if there is none in time."""
        heard_s = self._clock_s()
        while True:
            while self._arrived:
                message = self._arrived.popleft()
                if isinstance(message, LogLine):
                    logger.log(message.level, "%s: %s", self._where, message.text)
                elif not isinstance(message, Pong):
                    return message
            now_s = self._clock_s()
            if now_s >= deadline_s:
                return None
            if now_s - self._pinged_s >= self._timeouts.ping_s:
                self._pinged_s = now_s
                self._send(PING)
            data = self._read(min(READ_S, deadline_s - now_s))
            if data:
                heard_s = self._clock_s()
                self._arrived.extend(map(parse_message, self._reader.feed(data)))
            elif data is not None:
                raise ended(self._process, self._where)
            elif self._clock_s() - heard_s > self._timeouts.silence_s:
                silence_s = self._timeouts.silence_s
                raise DeviceLostError(
                    f"{self._where}: nothing came from the worker for {silence_s:.0f} s"
                )

    def _read(self, timeout_s: float) -> bytes | None:
        try:
            return self._process.read(timeout_s)
        except DeviceLostError as error:
            raise DeviceLostError(f"{self._where}: {error}") from error

    def _stop(self, number: int, name: str) -> None:
        """End a stream, and read what is left of it; if that fails, the worker is ended."""
        try:
            self._send(pack_message(Stop(number=number)))
            while self._reply(number, name, self._timeouts.stop_s).kind == "item":
                pass
        except DeviceLostError:
            self.close()
