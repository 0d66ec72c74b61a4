"""A command on another machine, through one SSH client process here."""

import os
import re
import selectors
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from bench.closing import Closing
from bench.devices.remote.connection import CommandResult
from bench.devices.ssh.command import CLIENT, STATUS, environment
from bench.devices.ssh.failures import last_line
from bench.errors import DeviceLostError, MissingRuntimeError

READ_BYTES = 1 << 16
WRITE_BYTES = 1 << 16
MAX_ERR_BYTES = 1 << 20  # of standard error that is kept
END_S = 5.0  # from the end of its output to the client's end
_STATUS = re.compile(rb"\n" + STATUS + rb"([0-9]{1,3})\n\Z")


class SshProcess(Closing):
    """A command that runs there; used as a context, it is closed at the end."""

    def __init__(self, command: Sequence[str], write_s: float) -> None:
        self._write_s = write_s  # for each write
        self._out = bytearray()
        self._err = bytearray()
        self.status: int | None = None
        self._popen = open_client(command)
        stdin, stdout, stderr = self._popen.stdin, self._popen.stdout, self._popen.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._stdin = stdin
        self._readable = {stdout: self._out, stderr: self._err}
        for pipe in (self._stdin, *self._readable):
            os.set_blocking(pipe.fileno(), False)

    @property
    def err(self) -> bytes:
        """Its standard error so far; the last megabyte of it."""
        return _STATUS.sub(b"", bytes(self._err))

    @property
    def has_ended(self) -> bool:
        """Whether the client here has ended."""
        return self._popen.poll() is not None

    def read_line(self, timeout_s: float) -> bytes | None:
        """Return the next line of standard output with its end; None if there are no more.

        Raises `DeviceLostError` after `timeout_s`, or if the connection broke.
        """
        deadline_s = monotonic() + timeout_s
        while (end := self._out.find(b"\n")) < 0 and self.status is None:
            if not self._take(deadline_s):
                raise DeviceLostError(f"the device's program wrote no line for {timeout_s:g} s")
        if end < 0:
            end = len(self._out) - 1  # an unterminated last line
        line = bytes(self._out[: end + 1])
        del self._out[: end + 1]
        return line or None

    def read(self, timeout_s: float) -> bytes | None:
        """Return bytes of standard output as soon as there are some; b"" at its end.

        None if there are none for `timeout_s`. Raises `DeviceLostError` if the connection broke.
        """
        deadline_s = monotonic() + timeout_s
        while not self._out and self.status is None:
            if not self._take(deadline_s):
                return None
        data = bytes(self._out)
        self._out.clear()
        return data

    def wait(self, timeout_s: float) -> CommandResult:
        """Read its output until it ends."""
        deadline_s = monotonic() + timeout_s
        while self.status is None:
            if not self._take(deadline_s):
                raise DeviceLostError(f"the device's command did not end within {timeout_s:g} s")
        return CommandResult(self.status, bytes(self._out), self.err)

    def write(self, data: bytes) -> None:
        """Write standard input; `DeviceLostError` if none of it is taken for long.

        A command that has ended takes nothing more; its exit status shows this.
        """
        view = memoryview(data)
        deadline_s = monotonic() + self._write_s
        while view and self._readable and not self._stdin.closed:
            try:
                written = os.write(self._stdin.fileno(), view[:WRITE_BYTES])
            except BlockingIOError:
                if not self._take(deadline_s, writing=True):
                    raise DeviceLostError(
                        f"the device took no data for {self._write_s:g} s"
                    ) from None
                continue
            except BrokenPipeError:
                return
            view = view[written:]
            deadline_s = monotonic() + self._write_s

    def close_stdin(self) -> None:
        """End its standard input."""
        with suppress(BrokenPipeError):
            self._stdin.close()

    def close(self) -> None:
        """Close the command: its standard input ends, and the client here too."""
        self.close_stdin()
        for pipe in self._readable:
            pipe.close()
        self._readable.clear()
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(END_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()

    def _take(self, deadline_s: float, *, writing: bool = False) -> bool:
        """Take what there is to read, or wait until it can be written; False at the deadline."""
        left_s = deadline_s - monotonic()
        if left_s <= 0:
            return False
        with selectors.DefaultSelector() as selector:
            for pipe in self._readable:
                selector.register(pipe, selectors.EVENT_READ)
            if writing:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            ready = [key.fileobj for key, _ in selector.select(left_s)]
        for pipe in [pipe for pipe in self._readable if pipe in ready]:
            data = os.read(pipe.fileno(), READ_BYTES)
            self._readable[pipe] += data
            if not data:
                pipe.close()
                del self._readable[pipe]
        del self._err[:-MAX_ERR_BYTES]
        if not self._readable:
            self.status = self._ended()
        return True

    def _ended(self) -> int:
        """Return the exit status that the shell there reported; without one it is unknown."""
        try:
            self._popen.wait(END_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        reported = _STATUS.search(self._err)
        if reported is None:
            message = last_line(self._err.decode(errors="replace"))
            if "kex_exchange" in message:  # the client tried to make a new one, which it may not
                message = "it was closed"
            raise DeviceLostError(f"the connection broke before its command ended: {message}")
        return int(reported[1])


def open_client(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the SSH client; `MissingRuntimeError` where there is none."""
    try:
        # Without a terminal nothing can ask a person there, a jump host's client neither; and
        # Ctrl-C reaches this process only, which ends the command in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise MissingRuntimeError(
            f"no SSH client is installed here ({CLIENT}): on Debian, sudo apt-get install "
            "openssh-client"
        ) from error
