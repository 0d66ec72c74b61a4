"""A device that our runner measures: connected at its first use, and reconnected after a break.

Every query may be repeated, so a lost connection is no error unless it stays lost.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.devices.remote.connection import Connection
from bench.devices.remote.content import push_missing
from bench.devices.remote.facts.device_state import DeviceState
from bench.devices.remote.folder import RemoteFolder
from bench.devices.remote.model_files import ModelCache
from bench.devices.remote.runner.bundle import Bundle
from bench.errors import DeviceLostError
from bench.protocol.target import Target

ASK_S = 30.0  # dumpsys waits ten seconds for each service that hangs
END_S = 5.0  # a program ends at once, or the device is gone
TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingLimits:
    """How a device cools down.

    Attributes:
        wait_s: longest wait each time, in seconds.
        total_s: longest wait in a sweep, in seconds.
        blind: whether a slow reference workload counts as throttling where neither temperatures
            nor clocks are known: on a phone, not on a virtual machine, whose neighbours slow it.
    """

    wait_s: float = 120.0
    total_s: float = 600.0
    blind: bool = True


class RemoteMachine(ABC):
    """One device. `connect` opens a connection, `notify` receives messages for the user.

    Everything that is copied to the device is in `folder`. Not thread-safe.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        notify: Callable[[str], None],
        cooling: CoolingLimits,
    ) -> None:
        self._connect = connect
        self.notify = notify
        self.cooling = cooling
        self.session = secrets.token_hex(4)
        self.shelf = ModelCache()
        self._connection: Connection | None = None
        self._bundle: Bundle | None = None
        self._has_bundle = False

    @property
    @abstractmethod
    def folder(self) -> RemoteFolder:
        """Return the folder of all our files there."""

    @abstractmethod
    def read_state(self, connection: Connection) -> DeviceState:
        """Read its present state."""

    @abstractmethod
    def changed_settings(
        self, connection: Connection, target: Target
    ) -> AbstractContextManager[frozenset[str]]:
        """Change settings for measuring in the block, which receives their names."""

    @abstractmethod
    def find_bundle(self) -> Bundle:
        """Return the runner for its processor, built here if it is not cached."""

    @abstractmethod
    def ready(self) -> Connection:
        """Make sure that connection and device are ready for a replicate.

        Raises `DeviceError` if another session measures there.
        """

    @abstractmethod
    def recognise(self) -> None:
        """After a reconnection: raise `DeviceError` if another device answers."""

    def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a query, on a new connection if it breaks; only for queries that may be repeated."""
        for _ in range(TRIES - 1):
            with suppress(DeviceLostError):
                return query(self.connected())
            self.reconnect()
        return query(self.connected())

    def bundle(self) -> Bundle:
        """Return the runner for its processor, built here if it is not cached."""
        if self._bundle is None:
            self._bundle = self.find_bundle()
        return self._bundle

    def with_bundle(self, connection: Connection) -> int:
        """Make sure that the runner is there, once per connection; return the bytes sent."""
        if self._has_bundle:
            return 0
        bundle = self.bundle()
        files: dict[str, bytes | Path] = {name: bundle.folder / name for name in bundle.files}
        sent_bytes = push_missing(
            connection, self.folder.bundle, files, executable=frozenset(files)
        )
        self._has_bundle = True
        return sent_bytes

    def unsent_bytes(self) -> int:
        """Return the size of the runner and its libraries if they are needed and not all there."""
        if self._has_bundle or self._bundle is None:
            return 0
        return sum((self._bundle.folder / name).stat().st_size for name in self._bundle.files)

    def run_argv(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """Return the command that starts the runner in its folder and stores its process id."""
        steps = 'cd "$1" && echo "$$ $3" > "$2" && shift 3 && exec "$@"'
        places = (self.folder.bundle, self.folder.runner_pid, self.session)
        return ("sh", "-c", steps, "ofabench", *places, *self.bundle().start, *arguments)

    def end_runner(self, connection: Connection) -> None:
        """End a runner whose connection broke, or whose replicate was left early."""
        steps = (
            '[ -e "$1" ] && read -r p s < "$1" && rm -f "$1" && '
            "{ [ ! -r /proc/$p/cmdline ] || "
            "grep -q -e runner -e benchmark /proc/$p/cmdline; } && kill -9 $p"
        )
        argv = ["sh", "-c", f"{{ {steps}; }} 2>/dev/null; exit 0", "ofabench"]
        connection.run([*argv, self.folder.runner_pid], timeout_s=END_S)

    def reconnect(self) -> None:
        """Reconnect; `DeviceError` if another device answers."""
        if self._connection is None:
            return
        self.shelf.forget()
        self._has_bundle = False
        self._connection.reconnect()
        self.recognise()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._has_bundle = False
            self.shelf.forget()

    def connected(self) -> Connection:
        """Return the connection, opened if there is none."""
        if self._connection is None:
            self._connection = self._connect()
            self.greet(self._connection)
        return self._connection

    def greet(self, connection: Connection) -> None:
        """Do what a new connection needs: nothing, unless a kind of device says otherwise."""
        del connection
