"""The interface of a connection to a phone; `android.adb.connection` implements it.

All methods raise `DeviceLostError` if the connection broke or was silent until a timeout.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from bench.devices.android.adb.shell import CommandResult
from bench.devices.android.adb.sync import PushFile


class Process(Protocol):
    """A command that runs on the phone."""

    @property
    def status(self) -> int | None:
        """Its exit status when it has ended: 128 plus the signal's number if one ended it."""
        ...

    @property
    def err(self) -> bytes:
        """Its standard error so far."""
        ...

    def read_line(self, timeout_s: float) -> bytes | None:
        """Return the next line of standard output; None at its end."""
        ...

    def write(self, data: bytes) -> None: ...

    def close_stdin(self) -> None: ...

    def close(self) -> None:
        """Close the command: its standard input ends."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Connection(Protocol):
    """A connection to one phone."""

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult: ...

    def start(self, argv: Sequence[str]) -> Process: ...

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = ...) -> None: ...

    def pull(self, path: str) -> bytes: ...

    def reconnect(self) -> None: ...

    def close(self) -> None: ...
