"""The phone's "Allow USB debugging?": the framework's end of adbd's control socket.

Packets as in AOSP's frameworks/native/libs/adbd_auth/adbd_auth.cpp: adbd sends "PK" and the public
key that wants in, and is answered "OK" or "NO"; what else it sends ("CK", "DC") tells of keys
that are connected, and asks nothing.
"""

import contextlib
import socket
from pathlib import Path

ASKED_S = 10.0  # how long an answer waits for the question
NEXT_S = 0.2  # adbd asks the next at once


class Dialog:
    """Answers questions; the keys that are always allowed are kept in `adb_keys`, one a line."""

    def __init__(self, control: Path, adb_keys: Path) -> None:
        self._path = control
        self._adb_keys = adb_keys
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # adbd inherits it
        self.listener.bind(str(control))
        self.listener.listen()  # as adbd does too: `open` need not wait for it
        self._framework: socket.socket | None = None

    def open(self) -> None:
        """Connect to an adbd that has just been started; it may ask from now on."""
        self.hang_up()
        self._framework = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._framework.connect(str(self._path))

    def answer(self, allow: bool, always: bool) -> None:
        """Answer the question that is shown, or comes within ASKED_S; `TimeoutError` if none does.

        adbd asks for each connection, one after the other, also for those that are long gone:
        what it asks next, at once, gets the same answer.
        """
        if not self._answer_one(allow, always, ASKED_S):
            raise TimeoutError(f"adbd asked for no authorisation within {ASKED_S:g} s")
        while self._answer_one(allow, always, NEXT_S):
            pass

    def forget(self) -> None:
        """Forget every key that was always allowed."""
        self._adb_keys.unlink(missing_ok=True)

    def hang_up(self) -> None:
        """Close the connection to adbd, which is gone or will be."""
        if self._framework is not None:
            self._framework.close()
            self._framework = None

    def close(self) -> None:
        self.hang_up()
        self.listener.close()
        self._path.unlink(missing_ok=True)

    def _answer_one(self, allow: bool, always: bool, limit_s: float) -> bool:
        """Answer one question; False where none came."""
        if self._framework is None:
            raise RuntimeError("adbd is not running: nothing can be asked or answered")
        self._framework.settimeout(limit_s)
        with contextlib.suppress(TimeoutError):
            while packet := self._framework.recv(8192):
                if packet.startswith(b"PK"):
                    if allow and always:
                        self._keep(packet[2:])
                    self._framework.send(b"OK" if allow else b"NO")
                    return True
        return False

    def _keep(self, key: bytes) -> None:
        with self._adb_keys.open("ab") as file:
            file.write(key.strip(b"\0\n") + b"\n")
