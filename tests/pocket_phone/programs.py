"""Programs that the phone runs for its connections (daemon/shell_service.cpp)."""

import os
import pty
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import tty
from collections.abc import Mapping
from contextlib import suppress

import psutil

from tests.pocket_phone.places import Places

SHELL = "/bin/sh"
HOST_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


class Programs:
    """Starts programs under the shell in sessions of their own, and knows who is still there."""

    def __init__(self, places: Places, environment: Mapping[str, str] | None = None) -> None:
        self._places = places
        root = places.root
        self._environment = {
            "PATH": f"{root}/system/bin:{HOST_PATH}",
            "HOME": str(root),
            "HOSTNAME": "localhost",
            "LOGNAME": "shell",
            "SHELL": SHELL,
            "TMPDIR": f"{root}/data/local/tmp",
            "TERM": "dumb",
            "USER": "shell",
            "ANDROID_DATA": f"{root}/data",
            "ANDROID_ROOT": f"{root}/system",
            **(environment or {}),
        }
        self._lock = threading.Lock()
        self._sessions: set[int] = set()

    def over_sockets(self, command: str) -> tuple["Started", socket.socket, socket.socket]:
        """Start with a socket for standard input and output, as adbd does, and one for errors."""
        both, child_both = socket.socketpair()
        errors, child_errors = socket.socketpair()
        with child_both, child_errors:
            fd = child_both.fileno()
            argv = [SHELL, "-c", self._as_mksh(self._places.command(command))]
            return self._start(argv, fd, child_errors.fileno()), both, errors

    def over_one_socket(self, command: str) -> tuple["Started", socket.socket]:
        """Start with one socket for everything, as adbd runs what `exec:` asks for."""
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [SHELL, "-c", self._as_mksh(self._places.command(command))]
            return self._start(argv, theirs.fileno(), theirs.fileno()), ours

    def on_terminal(self, command: str) -> tuple["Started", int]:
        """Start on a raw terminal; also returns our end of it. It is the program's own one."""
        ours, theirs = pty.openpty()
        try:
            tty.setraw(theirs)
            script = 'exec <>"$1" >&0 2>&0; exec "$2" ${3:+-c "$3"}'
            name = os.ttyname(theirs)
            argv = [SHELL, "-c", script, SHELL, name, SHELL, self._places.command(command)]
            return self._start(argv, theirs, theirs), ours
        finally:
            os.close(theirs)

    def processes(self) -> list[int]:
        """All that were started and are still there, with what they started."""
        matching = []
        with self._lock:
            alive: set[int] = set()
            for pid in psutil.pids():
                with suppress(ProcessLookupError, PermissionError):
                    if os.getsid(pid) in self._sessions and _runs(pid):
                        matching.append(pid)
                        alive.add(os.getsid(pid))
            self._sessions &= alive
        return matching

    def kill_all(self) -> None:
        """As a daemon's end or a reboot does it."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _as_mksh(self, command: str) -> str:
        """Let one program take the shell's place, as Android's does: it then gets the SIGHUP."""
        try:
            words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
        except ValueError:  # a quote that is not closed: the shell says so
            return command
        alone = "\n" not in command and not any(set(word) <= set("();<>|&") for word in words)
        if words and alone and shutil.which(words[0], path=self._environment["PATH"]):
            return f"exec {command}"
        return command

    def _start(self, argv: list[str], both: int, errors: int) -> "Started":
        with self._lock:
            popen = subprocess.Popen(
                argv,
                stdin=both,
                stdout=both,
                stderr=errors,
                cwd=self._places.root,
                env=self._environment,
                start_new_session=True,
            )
            self._sessions.add(popen.pid)
        return Started(popen)


class Started:
    """One program."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    def hang_up(self) -> None:
        """Tell it that nobody listens any more."""
        self._popen.send_signal(signal.SIGHUP)

    def exit_code(self) -> int:
        """Wait for its end; 128 and the signal where one ended it."""
        code = self._popen.wait()
        return 0x80 | -code if code < 0 else code


def _runs(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
