"""Debian's adb for comparison, with a separate server and home folder, and a phone."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from tests.support.phone_control import PhoneControl

LIMIT_S = 20.0
T = TypeVar("T")


class Adb:
    """The command `adb`; what it prints is text or zeros."""

    def __init__(self, home: Path, server_port: int) -> None:
        own = {"HOME": str(home), "ANDROID_ADB_SERVER_PORT": str(server_port)}
        self.environment = {**os.environ, **own}

    def __call__(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["adb", *argv],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


class Desk:
    """A phone, and the adb that it is connected to once `connect` was called."""

    def __init__(self, adb: Adb, phone: PhoneControl) -> None:
        self.adb = adb
        self.phone = phone
        self._serial = f"127.0.0.1:{phone.port}"

    def __call__(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """`adb` with these arguments, for this phone."""
        return self.adb("-s", self._serial, *argv)

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """The same, and do not wait for it."""
        return subprocess.Popen(["adb", "-s", self._serial, *argv], env=self.adb.environment)

    def shell(self, command: str) -> str:
        """Output of a command on the phone, which must succeed."""
        done = self("shell", command)
        assert done.returncode == 0, done
        return done.stdout

    def connect(self) -> None:
        """Ask for a new connection; the phone may want to be asked first."""
        self.disconnect()
        self.adb("connect", self._serial)

    def connect_again(self) -> None:
        """Connect until the phone is there, after a connection broke.

        Seen once in some 200 times: a single `adb connect` right after the break was not enough.
        """
        wait_until(self._connected, lambda seen: seen == "device")

    def disconnect(self) -> None:
        self.adb("disconnect", self._serial)

    @property
    def state(self) -> str:
        """What `adb devices` calls the phone; "" where it is not in the list."""
        rows = [line.split("\t") for line in self.adb("devices").stdout.splitlines()]
        return dict(row for row in rows if len(row) == 2).get(self._serial, "")

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.state, lambda seen: seen == state)

    def wait_for_program(self, name: str) -> int:
        """Return the process id of a program that the phone was just asked to run."""
        return wait_until(self._programs, lambda seen: name in seen)[name]

    def _connected(self) -> str:
        self.connect()
        return self.state

    def _programs(self) -> dict[str, int]:
        wanted = self.phone.processes()
        seen = [process.info for process in psutil.process_iter(["pid", "name"])]
        return {process["name"]: process["pid"] for process in seen if process["pid"] in wanted}


def wait_until(look: Callable[[], T], holds: Callable[[T], bool]) -> T:
    """Look until what is seen is as wanted, and return it; fail after LIMIT_S."""
    deadline = time.monotonic() + LIMIT_S
    while not holds(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {LIMIT_S:g} s"
        time.sleep(0.02)
    return seen
