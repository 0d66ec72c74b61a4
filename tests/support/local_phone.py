"""Local phone: a connection without transport, on a file tree with this machine's shell.

Only the communication of `bench.devices.android.adb` with a daemon is left out: scripts and
programs really run.
"""

import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.devices.remote.connection import CommandResult, DeviceFullError, PushFile
from bench.errors import DeviceLostError
from tests.pocket_phone.places import Places

HOST_PATH = "/usr/bin:/bin"


class HereProcess:
    """A program whose output is read in a thread, so that reading can time out."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self.popen = popen
        self.lost = False
        self.err = b""
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_err, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def status(self) -> int | None:
        code = self.popen.poll()
        return 0x80 - code if code is not None and code < 0 else code

    def read_line(self, timeout_s: float) -> bytes | None:
        self._check()
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise DeviceLostError(f"the phone has said nothing for {timeout_s:g} s") from None
        self._check()
        if line is None:
            self.popen.wait()
            self._threads[1].join()
            self._lines.put(None)
        return line

    def write(self, data: bytes) -> None:
        self._check()
        pipe = self.popen.stdin
        assert pipe is not None
        with suppress(OSError):  # the program ended: its remaining output shows this
            pipe.write(data)
            pipe.flush()

    def close_stdin(self) -> None:
        self._check()
        self._end_stdin()

    def close(self) -> None:
        self._end_stdin()

    def drop(self) -> None:
        """Break the program's connection."""
        self.lost = True
        self._end_stdin()
        self._lines.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def end(self) -> None:
        """End the program, at a test's end."""
        self._end_stdin()
        self.popen.kill()
        self.popen.wait()
        for thread in self._threads:
            thread.join()

    def _check(self) -> None:
        if self.lost:
            raise DeviceLostError("the connection broke")

    def _end_stdin(self) -> None:
        pipe = self.popen.stdin
        assert pipe is not None
        with suppress(OSError):
            pipe.close()

    def _read_out(self) -> None:
        pipe = self.popen.stdout
        assert pipe is not None
        with pipe:
            for line in pipe:
                self._lines.put(line)
        self._lines.put(None)

    def _read_err(self) -> None:
        pipe = self.popen.stderr
        assert pipe is not None
        with pipe:
            self.err = pipe.read()


@dataclass
class HereConnection:
    """`cut` breaks it; `reconnect` restores it, `reconnects` counts that. `ran` gets commands."""

    root: Path
    ran: list[tuple[str, ...]] = field(default_factory=list)
    processes: list[HereProcess] = field(default_factory=list)
    lost: bool = False
    closed: bool = False
    reconnects: int = 0
    pushed: list[str] = field(default_factory=list)
    room_bytes: int | None = None  # for what is pushed; None for plenty
    before_run: Callable[[Sequence[str]], None] = lambda _: None

    def __post_init__(self) -> None:
        """Use Android's shell where this machine has it."""
        mksh, shell = shutil.which("mksh"), self.root / "system/bin/sh"
        if mksh is not None and not shell.exists():
            shell.symlink_to(mksh)

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        self._check()
        self.ran.append(tuple(argv))
        self.before_run(argv)
        done = subprocess.run(
            self._here(argv),
            input=stdin,
            capture_output=True,
            env=self._environment(),
            cwd=self.root,
            timeout=timeout_s,
            check=False,
        )
        self._check()
        return CommandResult(done.returncode, self._told(done.stdout), self._told(done.stderr))

    def start(self, argv: Sequence[str]) -> HereProcess:
        self._check()
        self.ran.append(tuple(argv))
        popen = subprocess.Popen(
            self._here(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
            cwd=self.root,
            start_new_session=True,
        )
        self.processes.append(HereProcess(popen))
        return self.processes[-1]

    def push(
        self, files: Sequence[PushFile], progress: Callable[[int], None] = lambda sent: None
    ) -> None:
        for file in files:
            self._check()
            content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
            if self.room_bytes is not None:
                self.room_bytes -= len(content)
                if self.room_bytes < 0:
                    raise DeviceFullError(f"no space left on the phone for {file.path}")
            path = Places(self.root).host(file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(file.mode)
            self.pushed.append(file.path)
            progress(len(content))

    def pull(self, path: str) -> bytes:
        self._check()
        return Places(self.root).host(path).read_bytes()

    def reconnect(self) -> None:
        self.lost = False
        self.reconnects += 1

    def close(self) -> None:
        self.closed = True

    def cut(self) -> None:
        """Break the connection, and everything that runs over it."""
        self.lost = True
        for process in self.processes:
            process.drop()

    def end(self) -> None:
        """End all programs, at a test's end."""
        for process in self.processes:
            process.end()

    def _check(self) -> None:
        if self.lost:
            raise DeviceLostError("the connection broke")

    def _here(self, argv: Sequence[str]) -> list[str]:
        return [Places(self.root).command(word) for word in argv]

    def _told(self, data: bytes) -> bytes:
        unrooted = Places(self.root).unrooted()
        return unrooted.feed(data) + unrooted.rest()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.root}/system/bin:{HOST_PATH}", "LC_ALL": "C"}
