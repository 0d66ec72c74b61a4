"""Debian's adb as a witness, with a server and a home folder of its own, and a phone beside it."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.phone_control import PhoneControl

LIMIT_S = 20.0


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

    def disconnect(self) -> None:
        self.adb("disconnect", self._serial)

    @property
    def state(self) -> str:
        """What `adb devices` calls the phone; "" where it is not in the list."""
        rows = [line.split("\t") for line in self.adb("devices").stdout.splitlines()]
        return dict(row for row in rows if len(row) == 2).get(self._serial, "")

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.state == state)

    def wait_for_program(self, name: str) -> int:
        """Process id of a program that the phone has just been told to run."""
        wait_until(lambda: name in self._programs())
        return self._programs()[name]

    def _programs(self) -> dict[str, int]:
        return {psutil.Process(pid).name(): pid for pid in self.phone.processes()}


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as it holds; fail after LIMIT_S."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {LIMIT_S:g} s"
        time.sleep(0.02)
