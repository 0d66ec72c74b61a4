"""Serves one client: answers its requests one after another, until it has gone."""

import logging
import os
import sys
import threading
import traceback
from contextlib import closing, suppress
from typing import Any

import psutil

from bench.devices.worker.calls import WorkerCalls, signatures
from bench.devices.worker.messages import (
    GRACE_S,
    PROTOCOL,
    SILENCE_S,
    Hello,
    LogLine,
    Message,
    RemoteError,
    Reply,
    Request,
)
from bench.devices.worker.values import read_value
from bench.devices.worker.version import own_version
from bench.errors import DeviceError, DeviceLostError, OfabenchError, one_line
from bench.worker.client_link import ClientGoneError, ClientLink
from bench.worker.stopping import StoppedError, Stopper


class Server:
    """Answers requests on the main thread, which a stop interrupts."""

    def __init__(self, requests_fd: int, replies_fd: int, silence_s: float = SILENCE_S) -> None:
        self._stopper = Stopper()
        self._link = ClientLink(
            requests_fd,
            replies_fd,
            stop=self._stopper.stop,
            gone=self._client_gone,
            silence_s=silence_s,
        )
        self._ended = threading.Event()

    def greet(self) -> None:
        """Send the first message, and start to read requests."""
        self.send(Hello(protocol=PROTOCOL, ofabench=own_version()))
        self._link.start()

    def answer_all(self, calls: WorkerCalls) -> None:
        """Answer every request by `calls` until the client has gone; end all child processes."""
        try:
            while (request := self._link.next_request()) is not None:
                self._answer(calls, request)
                self._link.answered()
        except ClientGoneError:  # while a reply was written
            return
        finally:
            self._ended.set()
            end_children()

    def send(self, message: Message) -> None:
        """Write a message as a whole; `ClientGoneError` if it cannot be."""
        with self._stopper.sending():
            self._link.send(message)

    def _answer(self, calls: WorkerCalls, request: Request) -> None:
        try:
            with self._stopper.stoppable(request.number):
                reply = self._replied(calls, request)
        except StoppedError:
            reply = Reply(number=request.number, kind="stopped")
        try:
            self.send(reply)
        except (TypeError, ValueError) as error:  # it has no form in a frame, or is too large
            failure = RemoteError.of(DeviceError(f"{request.call} gave no result: {error}"))
            self.send(Reply(number=request.number, kind="error", value=failure))

    def _replied(self, calls: WorkerCalls, request: Request) -> Reply:
        """Call what a request asks for; return its last reply, after the items of a stream."""
        number = request.number
        try:
            return Reply(number=number, kind="result", value=self._called(calls, request))
        except OfabenchError as error:
            failure = RemoteError.of(error)
        except ClientGoneError:
            raise
        except Exception as error:  # a runtime may raise anything; the worker stays
            traceback.print_exc()
            reason = f"{request.call} failed ({type(error).__name__}: {one_line(error)})"
            failure = RemoteError.of(DeviceError(reason))
        return Reply(number=number, kind="error", value=failure)

    def _called(self, calls: WorkerCalls, request: Request) -> Any:
        signature = signatures().get(request.call)
        if signature is None:
            raise DeviceError(f"the worker has no call {request.call!r:.40}")
        if request.arguments.keys() != signature.arguments.keys():
            raise DeviceError(f"{request.call} has the arguments {[*request.arguments]!r:.80}")
        try:
            arguments = {
                name: read_value(annotation, request.arguments[name], name)
                for name, annotation in signature.arguments.items()
            }
        except DeviceLostError as error:  # it would be the same in another try
            raise DeviceError(f"{request.call} cannot be read: {error}") from error
        result = getattr(calls, request.call)(**arguments)
        if not signature.is_stream:
            return result
        with closing(result) as items:
            for item in items:
                self.send(Reply(number=request.number, kind="item", value=item))
        return None

    def _client_gone(self) -> None:
        """End the call in progress; if it does not end, end the process."""
        self._stopper.stop()
        if not self._ended.wait(GRACE_S):
            end_children()
            os._exit(1)


class ClientLog(logging.Handler):
    """Shows what our code logs to the user of the client."""

    def __init__(self, server: Server) -> None:
        super().__init__(logging.INFO)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line."""
        with suppress(ClientGoneError):
            self._server.send(LogLine(level=record.levelno, text=self.format(record)))


def end_children() -> None:
    """End processes that runtimes started: compilers, pools of workers."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()


def serve(requests_fd: int, replies_fd: int) -> int:
    """Serve the client at these descriptors; return the exit status."""
    server = Server(requests_fd, replies_fd)
    sys.argv[:] = ["ofabench", "worker"]  # this process in messages of others that wait for it
    try:
        server.greet()
    except ClientGoneError:
        return 1
    # Imported after the greeting, since a small board reads these files for a while.
    from bench.worker.served_device import ServedDevice
    from bench.worker.stored_contents import StoredContents, contents_folder

    log = logging.getLogger("bench")
    log.addHandler(ClientLog(server))
    log.setLevel(logging.INFO)
    with StoredContents(contents_folder()) as contents, closing(ServedDevice(contents)) as calls:
        server.answer_all(calls)
    return 0
