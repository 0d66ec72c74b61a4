"""The interfaces of a worker's process, and of what starts it: here or on another machine."""

from collections.abc import Sequence
from typing import Protocol


class WorkerProcess(Protocol):
    """A process with three streams; `bench.devices.ssh` has one on another machine."""

    @property
    def status(self) -> int | None:
        """Its exit status when it has ended: 128 plus the signal's number if one ended it."""
        ...

    @property
    def err(self) -> bytes:
        """Its standard error so far, or the last part of it."""
        ...

    def read(self, timeout_s: float) -> bytes | None:
        """Return bytes of standard output as soon as there are some, b"" at its end.

        None if there are none for `timeout_s`. Raises `DeviceLostError` if the connection broke.
        """
        ...

    def write(self, data: bytes) -> None:
        """Write standard input; `DeviceLostError` if that is impossible or takes too long."""
        ...

    def close_stdin(self) -> None:
        """End its standard input, which ends a worker."""
        ...

    def close(self) -> None:
        """End it, and release what belongs to it; may be called again."""
        ...


class WorkerHost(Protocol):
    """Where workers run; connected at the first start, and again when the connection broke."""

    def start(self, argv: Sequence[str]) -> WorkerProcess:
        """Start a command there; `DeviceError` if the machine cannot be reached."""
        ...

    def close(self) -> None:
        """Close the connection, if there is one; may be called again."""
        ...
