"""The interface of a connection to a phone; `android.adb.connection` implements it.

All of it raises `DeviceLostError` where the connection broke or stayed silent past a timeout.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from bench.devices.android.adb.shell import Completed
from bench.devices.android.adb.sync import PushFile


class Process(Protocol):
    """A command that runs on the phone."""

    @property
    def status(self) -> int | None:
        """Its exit status when it has ended: 128 and the signal's number where one ended it."""
        ...

    @property
    def err(self) -> bytes:
        """What it wrote to standard error so far."""
        ...

    def read_line(self, timeout_s: float) -> bytes | None:
        """Next line of standard output; None at its end."""
        ...

    def write(self, data: bytes) -> None: ...

    def close_stdin(self) -> None: ...

    def close(self) -> None:
        """Let go of it: it finds its standard input at an end."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Connection(Protocol):
    """A way to one phone."""

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> Completed: ...

    def start(self, argv: Sequence[str]) -> Process: ...

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = ...) -> None: ...

    def pull(self, path: str) -> bytes: ...

    def reconnect(self) -> None: ...

    def close(self) -> None: ...
