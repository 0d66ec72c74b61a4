"""A connection to a board or server: OpenSSH's client, one connection that all commands share."""

import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.devices.remote.backoff import until_back
from bench.devices.remote.connection import (
    CommandResult,
    DeviceFullError,
    PushFile,
    silent,
)
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.command import AWKWARD, END, READY, master_command, session_command
from bench.devices.ssh.failures import FailedLogin, last_line
from bench.devices.ssh.process import SshProcess
from bench.errors import DeviceError, DeviceLostError
from bench.files import read_bytes

CHUNK_BYTES = 1 << 18
RESUMED_BYTES = 1 << 20  # smaller files are sent again from their beginning
MOST_LINES = 200  # that a shell's start-up files may print before this is an error anyway
# How shells that do not follow POSIX refuse the greeting: csh, fish, cmd.exe, PowerShell.
_OTHER_SHELL = re.compile(
    r"Unmatched|Event not found|fish:|is not recognized|ParserError|CommandNotFound"
)
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_SOCKET_ROOM = 60  # a socket's path has at most 108 bytes, and the client appends 17


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTimeouts:
    """Timeouts in seconds; nothing waits without a limit."""

    connect_s: float = 10.0
    login_s: float = 60.0  # with keys: a hardware key waits for a touch
    answer_s: float = 30.0  # for the device to accept data
    silent_s: float = 30.0  # until a connection without any answer counts as broken
    reconnect_s: float = 180.0  # for a board to return: a restart takes about a minute


class SshTransport:
    """Shell and files of one machine, for one thread; it implements `remote.Connection`.

    All methods raise `DeviceLostError` if the connection broke or was silent until a timeout.
    """

    def __init__(
        self,
        address: SshAddress,
        *,
        config: Path | None = None,
        timeouts: SshTimeouts = SshTimeouts(),  # frozen
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self._config = config
        self._timeouts = timeouts
        self._sleep = sleep
        self._folder: Path | None = None
        self._master: SshProcess | None = None

    @classmethod
    def connect(
        cls,
        address: SshAddress,
        *,
        config: Path | None = None,
        timeouts: SshTimeouts = SshTimeouts(),  # frozen
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """Connect; `config` replaces the user's SSH configuration file.

        Raises `UnauthorizedError` for an unknown or changed host key and for a refused user key,
        `MissingRuntimeError` without an SSH client, `InputError` for a wrong configuration, else
        `DeviceError`; each says what to do.
        """
        transport = cls(address, config=config, timeouts=timeouts, sleep=sleep)
        transport._open()
        return transport

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        """Run a command to its end; its words are quoted here."""
        with self.start(argv) as process:
            process.write(stdin)
            process.close_stdin()
            return process.wait(timeout_s)

    def start(self, argv: Sequence[str]) -> SshProcess:
        """Start a command and leave it running."""
        return SshProcess(session_command(self._socket(), argv), self._timeouts.answer_s)

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = silent) -> None:
        """Copy files there; a large one continues behind what an earlier transfer left.

        Raises `DeviceFullError` if there is no room, `DeviceError` with the reason otherwise.
        """
        for file in files:
            content = file.content if isinstance(file.content, bytes) else read_bytes(file.content)
            self._push(file, content, self._arrived(file.path, content), progress)

    def pull(self, path: str) -> bytes:
        """Return a file's content; `DeviceError` if it cannot be read."""
        completed = self.run(["cat", "--", path])
        if completed.status != 0:
            raise DeviceError(f"the device does not give {path}: {_reason(completed)}")
        return completed.out

    def reconnect(self) -> None:
        """Close the connection, and retry until the machine is back; see `remote.backoff`."""
        self.close()
        until_back(self._open, str(self.address), self._timeouts.reconnect_s, sleep=self._sleep)

    def close(self) -> None:
        """Close the connection; may be called again."""
        if self._master is not None:
            self._master.close()
            self._master = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _open(self) -> None:
        self._folder = _socket_folder()
        try:
            self._master = SshProcess(
                master_command(
                    self.address,
                    self._socket(),
                    self._config,
                    connect_s=self._timeouts.connect_s,
                    silent_s=self._timeouts.silent_s,
                ),
                self._timeouts.answer_s,
            )
            self._greet(self._master)
        except BaseException:
            self.close()
            raise

    def _greet(self, master: SshProcess) -> None:
        """Read the greeting, and check that the shell there passed it on unchanged."""
        lines: list[str] = []
        deadline_s = time.monotonic() + self._timeouts.login_s
        while END not in lines and len(lines) < MOST_LINES:
            try:
                line = master.read_line(max(0.0, deadline_s - time.monotonic()))
            except DeviceLostError as error:
                printed = master.err.decode(errors="replace")
                if not lines and not printed.strip() and not master.has_ended:
                    raise DeviceError(
                        f"{self.address} did not finish the login within "
                        f"{self._timeouts.login_s:g} s"
                    ) from error
                raise self._not_greeted(lines, printed) from error
            assert line is not None, "the first session reports no status"
            lines.append(line.decode(errors="replace").removesuffix("\n"))
        if lines != [READY, *AWKWARD.split("\n"), END]:
            raise self._not_greeted(lines, "")

    def _not_greeted(self, lines: Sequence[str], printed: str) -> Exception:
        if READY in lines and lines[0] != READY:
            return DeviceError(
                f"the login shell's start-up files on {self.address} print {lines[0]!r:.60}: let "
                "them print nothing in a shell that is not interactive"
            )
        if READY in lines or _OTHER_SHELL.search(printed + "\n".join(lines)):
            return DeviceError(
                f"the login shell on {self.address} does not follow POSIX: set another one there "
                "(`chsh -s /bin/sh`), or give another user"
            )
        if lines:
            return DeviceError(
                f"{self.address} runs no commands, it prints {lines[0]!r:.100}: give a user who "
                "may log in"
            )
        return FailedLogin(address=self.address, printed=printed, config=self._config).error()

    def _socket(self) -> Path:
        if self._folder is None:
            raise DeviceLostError(f"the connection to {self.address} is closed")
        return self._folder / "c"

    def _arrived(self, path: str, content: bytes) -> int:
        """Return how many bytes of `content` an earlier transfer left in the file at `path`."""
        if len(content) < RESUMED_BYTES:
            return 0
        script = '[ -f "$1" ] && wc -c <"$1" && sha256sum <"$1"'
        words = self.run(["sh", "-c", script, "ofabench", path]).text.split()
        if len(words) < 2 or not words[0].isdecimal() or not 0 < int(words[0]) <= len(content):
            return 0
        size = int(words[0])
        return size if hashlib.sha256(content[:size]).hexdigest() == words[1] else 0

    def _push(
        self, file: PushFile, content: bytes, arrived: int, progress: Callable[[int], None]
    ) -> None:
        redirect = ">>" if arrived else ">"
        script = f'cat {redirect}"$1" && chmod {file.mode:o} "$1"'
        with self.start(["sh", "-c", script, "ofabench", file.path]) as process:
            progress(arrived)
            for start in range(arrived, len(content), CHUNK_BYTES):
                chunk = content[start : start + CHUNK_BYTES]
                process.write(chunk)
                progress(len(chunk))
            process.close_stdin()
            completed = process.wait(self._timeouts.answer_s)
        if completed.status != 0:
            reason = _reason(completed)
            message = f"the device does not take {file.path}: {reason}"
            raise (DeviceFullError if _is_full(reason) else DeviceError)(message)


def _reason(completed: CommandResult) -> str:
    return last_line(completed.err.decode(errors="replace"))


def _is_full(reason: str) -> bool:
    return any(words in reason for words in _FULL)


def _socket_folder() -> Path:
    """Return a new folder that only this user can enter, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="ofabench-ssh-"))
    if len(str(folder)) <= _SOCKET_ROOM:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="ofabench-ssh-", dir="/tmp"))
