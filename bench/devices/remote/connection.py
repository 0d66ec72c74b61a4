"""The interface of a connection to a device; `android.adb` and `ssh` implement it.

All methods raise `DeviceLostError` if the connection broke or was silent until a timeout.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.errors import DeviceError


class DeviceFullError(DeviceError):
    """The device has no room for a file."""


class UnauthorizedError(DeviceError):
    """The device does not let this machine in: another try fails too until a person acts."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Result of a command. For a signal the status is 128 plus its number."""

    status: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as text, without surrounding whitespace."""
        return self.out.decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class PushFile:
    """A file for `path` on the device; a `content` that is a path is read when sent."""

    path: str
    content: bytes | Path
    mode: int = 0o644


def silent(count: int) -> None:
    """Ignore the number of bytes sent."""
    del count


class Process(Protocol):
    """A command that runs on the device."""

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
    """A connection to one device."""

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        """Run a command to its end; its words are quoted for the device's shell."""
        ...

    def start(self, argv: Sequence[str]) -> Process: ...

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = ...) -> None: ...

    def pull(self, path: str) -> bytes: ...

    def reconnect(self) -> None: ...

    def close(self) -> None: ...


def error_line(text: bytes) -> str:
    """Return a program's error output as one short line."""
    return " ".join(text.decode(errors="replace").split())[-200:] or "no message"
