"""A connection to a phone for commands and files, which reconnects after a pulled cable."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.daemon import DaemonLink
from bench.devices.android.adb.errors import UnauthorizedError
from bench.devices.android.adb.keys import signers
from bench.devices.android.adb.link import Link
from bench.devices.android.adb.listing import READY, Listed, find, name_of
from bench.devices.android.adb.marked_shell import start_marked
from bench.devices.android.adb.pipes import TcpPipe, UsbPipe
from bench.devices.android.adb.server import ServerLink, listed
from bench.devices.android.adb.server_place import server_place
from bench.devices.android.adb.shell import Completed, Process, start
from bench.devices.android.adb.sync import PushFile, silent, syncing
from bench.errors import DeviceError, DeviceLostError

SHELL_V2, ECHOED_MARKER = "shell_v2", "echoed marker"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long is waited, in seconds; no wait is without an end."""

    connect_s: float = 10.0
    answer_s: float = 30.0  # for any answer of the phone, and for it to take what is sent
    confirm_s: float = 60.0  # for a person to confirm on the screen
    reconnect_s: float = 180.0  # for a phone to come back: a reboot takes about a minute


def mute(text: str) -> None:
    """Hear what a person should do, and say nothing."""
    del text


class AdbConnection:
    """Shell and files of one phone, for one thread.

    Everything raises `DeviceLostError` where the connection broke or the phone fell silent.
    """

    def __init__(  # noqa: PLR0913
        self,
        link: Link,
        address: Address,
        *,
        timeouts: Timeouts,
        tell: Callable[[str], None] = mute,
        keys: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._link = link
        self.address = address
        self._timeouts = timeouts
        self._tell = tell
        self._keys = keys
        self._sleep = sleep
        self._listed = link.phone if isinstance(link, ServerLink) else None

    @classmethod
    def connect(
        cls,
        address: Address,
        *,
        timeouts: Timeouts = Timeouts(),  # frozen
        tell: Callable[[str], None] = mute,
        keys: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """Reach a phone; `tell` hears what a person should do on its screen.

        Through a running adb server where one knows the phone, else over TCP or USB directly.
        `DeviceError` where it cannot be reached, `UnauthorizedError` where it does not allow it.
        """
        link = open_link(address, timeouts, tell, keys)
        return cls(link, address, timeouts=timeouts, tell=tell, keys=keys, sleep=sleep)

    def run(self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b"") -> Completed:
        """Run a command to its end; its words are quoted here."""
        with self.start(argv) as process:
            process.write(stdin)
            process.close_stdin()
            return process.wait(timeout_s)

    def start(self, argv: Sequence[str]) -> Process:
        """Start a command and leave it running."""
        begin = start if self.shell == SHELL_V2 else start_marked
        return begin(self._link, argv, self._timeouts.answer_s)

    @property
    def shell(self) -> str:
        """How commands tell their exit status: shell_v2, or an echoed marker."""
        return SHELL_V2 if SHELL_V2 in self._link.features else ECHOED_MARKER

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = silent) -> None:
        """Put files onto the phone; `DeviceFullError` where there is no room."""
        with syncing(self._link, self._timeouts.answer_s) as session:
            session.push(files, progress)

    def pull(self, path: str) -> bytes:
        """Return a file's content."""
        with syncing(self._link, self._timeouts.answer_s) as session:
            return session.pull(path)

    def reconnect(self) -> None:
        """Close what is left, and try again until the phone is back.

        Pauses grow from 0.2 to 5 s. `DeviceError` where that takes longer than it may.
        """
        self.close()
        chance = random.Random(str(self.address))  # phones of a fleet do not all try at once
        deadline_s = time.monotonic() + self._timeouts.reconnect_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                self._link = open_link(
                    self.address, self._timeouts, self._tell, self._keys, self._listed
                )
                self._listed = self._link.phone if isinstance(self._link, ServerLink) else None
                return
            except UnauthorizedError:
                raise
            except DeviceError as error:
                if time.monotonic() + pause_s > deadline_s:
                    raise DeviceError(
                        f"{self.address} did not come back within "
                        f"{self._timeouts.reconnect_s:g} s: {error}"
                    ) from error
            self._sleep(pause_s * chance.uniform(0.8, 1.2))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def close(self) -> None:
        """Close the connection; calling it again is fine."""
        self._link.close()


def open_link(
    address: Address,
    timeouts: Timeouts,
    tell: Callable[[str], None],
    keys: Path | None,
    before: Listed | None = None,
) -> Link:
    """Make the link that serves: server, TCP, or USB. `before` is how a server listed it last."""
    place = server_place()
    known = listed(place)
    phone = find(address.serial, known or (), before)
    if phone is not None:
        _check_state(phone, address)
        by_serial = name_of(phone, known or ()) == phone.serial
        return ServerLink(phone, timeouts.answer_s, place, by_serial=by_serial)
    if address.host is None and known:
        names = ", ".join(f"adb:{name}" for name in sorted(name_of(one, known) for one in known))
        raise DeviceError(f"the adb server knows no {address}, but {names}")
    if address.host is None and known is None and place.elsewhere:
        place.connect(timeouts.connect_s).close()  # says why it does not answer
    return _direct_link(address, timeouts, tell, keys)


def _direct_link(
    address: Address, timeouts: Timeouts, tell: Callable[[str], None], keys: Path | None
) -> Link:
    """Make a link without a server."""
    if address.host is not None and address.port is not None:
        link = DaemonLink(TcpPipe(address.host, address.port, timeouts.connect_s))
    else:
        link = DaemonLink(UsbPipe(address.serial, timeouts.connect_s))
    try:
        link.shake_hands(
            lambda: signers(keys), tell, timeout_s=timeouts.answer_s, confirm_s=timeouts.confirm_s
        )
    except DeviceLostError as error:
        link.close()
        raise DeviceError(f"{address} does not greet as a phone does: {error}") from error
    except BaseException:
        link.close()
        raise
    return link


def _check_state(phone: Listed, address: Address) -> None:
    if phone.state == "unauthorized":
        raise UnauthorizedError(
            f"{address} does not allow this machine yet: confirm `Allow USB debugging?` "
            "on its screen (unlock it first), then try again"
        )
    if phone.state != READY:
        raise DeviceError(f"{address} is {phone.state}; plug it in again, or `adb reconnect`")
