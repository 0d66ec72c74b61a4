"""A worker as a local process, for tests of its client."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.devices.worker.device import WorkerDevice, WorkerOptions
from bench.errors import DeviceLostError

ROOT = Path(__file__).resolve().parents[2]
END_S = 10.0


def python_script(path: Path) -> str:
    """Write a program that is this Python with this checkout, and return its path.

    It stands for an environment on another machine in which ofabench is installed.
    """
    path.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


class LocalProcess:
    """A `WorkerProcess` on this machine."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        self.popen = subprocess.Popen(
            ["sh", "-c", 'exec "$@"', "sh", *argv],  # as over SSH: a shell reports what is absent
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                **(environment or {}),
            },
            start_new_session=True,
        )
        self._err = b""

    @property
    def status(self) -> int | None:
        """Its exit status: 128 plus a signal's number, as shells report it."""
        code = self.popen.poll()
        return code if code is None or code >= 0 else 128 - code

    @property
    def err(self) -> bytes:
        """All of its standard error, when it has ended."""
        if self.popen.poll() is not None and self.popen.stderr and not self.popen.stderr.closed:
            self._err += self.popen.stderr.read()
            self.popen.stderr.close()
        return self._err

    def read(self, timeout_s: float) -> bytes | None:
        assert self.popen.stdout is not None
        if not select.select([self.popen.stdout], [], [], timeout_s)[0]:
            return None
        data = os.read(self.popen.stdout.fileno(), 1 << 16)
        if not data:
            self.popen.wait(END_S)
        return data

    def write(self, data: bytes) -> None:
        assert self.popen.stdin is not None
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.popen.stdin.fileno(), view) :]
        except OSError as error:
            raise DeviceLostError(f"the worker takes nothing more: {error}") from error

    def close_stdin(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.close()

    def close(self) -> None:
        """End it as a closed connection does: it gets time to end by itself."""
        self.close_stdin()
        try:
            self.popen.wait(END_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        for pipe in (self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


class LocalHost:
    """Starts workers here, and keeps them all: `processes`, the last of them running.

    `argv` replaces the command of the worker.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, argv: Sequence[str] | None = None
    ) -> None:
        self.processes: list[LocalProcess] = []
        self._environment, self._argv = environment, argv

    def start(self, argv: Sequence[str]) -> LocalProcess:
        process = LocalProcess(self._argv or argv, self._environment)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """There is no connection."""


def local_worker(host: LocalHost, device: str = "cpu", address: str = "ssh:here") -> WorkerDevice:
    """A device whose worker is a process of this machine."""
    return WorkerDevice(address, host, WorkerOptions(python=sys.executable, device=device))
