"""A connection to a phone for commands and files, which can be restored after a pulled cable."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.daemon import DaemonLink
from bench.devices.android.adb.keys import signers
from bench.devices.android.adb.link import Link
from bench.devices.android.adb.listing import READY, ListedPhone, find, name_of
from bench.devices.android.adb.marked_shell import start_marked
from bench.devices.android.adb.pipes import TcpPipe, UsbPipe
from bench.devices.android.adb.server import ServerLink, listed
from bench.devices.android.adb.server_address import server_address
from bench.devices.android.adb.shell import Process, start
from bench.devices.android.adb.sync import syncing
from bench.devices.remote.backoff import until_back
from bench.devices.remote.connection import CommandResult, PushFile, UnauthorizedError, silent
from bench.errors import DeviceError, DeviceLostError

SHELL_V2, ECHOED_MARKER = "shell_v2", "echoed marker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Timeouts in seconds; nothing waits without a limit."""

    connect_s: float = 10.0
    answer_s: float = 30.0  # for any answer of the phone, and for the phone to accept data
    confirm_s: float = 60.0  # for a person to confirm on the screen
    reconnect_s: float = 180.0  # for a phone to return: a reboot takes about a minute


def mute(text: str) -> None:
    """Ignore messages for the user."""
    del text


class AdbConnection:
    """Shell and files of one phone, for one thread.

    All methods raise `DeviceLostError` if the connection broke or the phone stopped answering.
    """

    def __init__(  # noqa: PLR0913
        self,
        link: Link,
        address: Address,
        *,
        timeouts: Timeouts,
        notify: Callable[[str], None] = mute,
        keys: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._link = link
        self.address = address
        self._timeouts = timeouts
        self._notify = notify
        self._keys = keys
        self._sleep = sleep
        self._last_entry = link.phone if isinstance(link, ServerLink) else None

    @classmethod
    def connect(
        cls,
        address: Address,
        *,
        timeouts: Timeouts = Timeouts(),  # frozen
        notify: Callable[[str], None] = mute,
        keys: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """Connect to a phone; `notify` receives what a person should do on its screen.

        Through a running adb server if it knows the phone, else directly over TCP or USB. Raises
        `DeviceError` if it cannot be reached, `UnauthorizedError` if it does not allow it.
        """
        link = open_link(address, timeouts, notify, keys)
        return cls(link, address, timeouts=timeouts, notify=notify, keys=keys, sleep=sleep)

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        """Run a command to its end; its words are quoted here."""
        with self.start(argv) as process:
            process.write(stdin)
            process.close_stdin()
            return process.wait(timeout_s)

    def start(self, argv: Sequence[str]) -> Process:
        """Start a command and leave it running."""
        start_command = start if self.shell == SHELL_V2 else start_marked
        return start_command(self._link, argv, self._timeouts.answer_s)

    @property
    def shell(self) -> str:
        """How commands report their exit status: shell_v2, or an echoed marker."""
        return SHELL_V2 if SHELL_V2 in self._link.features else ECHOED_MARKER

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = silent) -> None:
        """Copy files to the phone; `DeviceFullError` if there is no room."""
        with syncing(self._link, self._timeouts.answer_s) as session:
            session.push(files, progress)

    def pull(self, path: str) -> bytes:
        """Return a file's content."""
        with syncing(self._link, self._timeouts.answer_s) as session:
            return session.pull(path)

    def reconnect(self) -> None:
        """Close the connection, and retry until the phone is back; see `remote.backoff`."""
        self.close()
        self._link = until_back(
            lambda: open_link(
                self.address, self._timeouts, self._notify, self._keys, self._last_entry
            ),
            str(self.address),
            self._timeouts.reconnect_s,
            sleep=self._sleep,
        )
        self._last_entry = self._link.phone if isinstance(self._link, ServerLink) else None

    def close(self) -> None:
        """Close the connection; may be called again."""
        self._link.close()


def open_link(
    address: Address,
    timeouts: Timeouts,
    notify: Callable[[str], None],
    keys: Path | None,
    before: ListedPhone | None = None,
) -> Link:
    """Open a link: server, TCP, or USB. `before` is a server's last entry of the phone."""
    place = server_address()
    known = listed(place)
    phone = find(address.serial, known or (), before)
    if phone is not None:
        _check_state(phone, address)
        by_serial = name_of(phone, known or ()) == phone.serial
        return ServerLink(phone, timeouts.answer_s, place, by_serial=by_serial)
    if address.host is None and known:
        names = ", ".join(
            f"adb:{name}" for name in sorted(name_of(phone, known) for phone in known)
        )
        raise DeviceError(f"the adb server knows no {address}, but {names}")
    if address.host is None and known is None and place.elsewhere:
        # Raises an error that says why it does not answer.
        place.connect(timeouts.connect_s).close()
    return _direct_link(address, timeouts, notify, keys)


def _direct_link(
    address: Address, timeouts: Timeouts, notify: Callable[[str], None], keys: Path | None
) -> Link:
    """Open a link without a server."""
    if address.host is not None and address.port is not None:
        link = DaemonLink(TcpPipe(address.host, address.port, timeouts.connect_s))
    else:
        link = DaemonLink(UsbPipe(address.serial, timeouts.connect_s))
    try:
        link.shake_hands(
            lambda: signers(keys), notify, timeout_s=timeouts.answer_s, confirm_s=timeouts.confirm_s
        )
    except DeviceLostError as error:
        link.close()
        raise DeviceError(f"{address} does not answer as a phone does: {error}") from error
    except BaseException:
        link.close()
        raise
    return link


def _check_state(phone: ListedPhone, address: Address) -> None:
    if phone.state == "unauthorized":
        raise UnauthorizedError(
            f"{address} does not allow this machine yet: confirm `Allow USB debugging?` "
            "on its screen (unlock it first), then try again"
        )
    if phone.state != READY:
        raise DeviceError(f"{address} is {phone.state}; plug it in again, or `adb reconnect`")
