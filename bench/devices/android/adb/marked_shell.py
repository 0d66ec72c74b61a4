"""Commands on phones without shell_v2: the exit status comes as an echoed marker.

Daemons before Android 7, and some later TV boxes, only have the service `exec:`, which is one byte
stream in each direction (AOSP, adb's shell_service.cpp). A few lines of shell on the phone replace
the missing features. They read the command from their input, so that it may be longer than an old
daemon's messages; they write a marker and the exit status after its output; and they write the
marker before each line of its standard error, so that the outputs can be separated here.

Differences from shell_v2: standard input and standard error are lines of text without NUL bytes,
and an unterminated last line gets an end. Standard output is unchanged.
"""

import secrets
import shlex
from collections.abc import Sequence
from contextlib import suppress

from bench.devices.android.adb.link import Link, Stream
from bench.devices.android.adb.shell import MAX_ERR_BYTES, Process
from bench.errors import DeviceError, DeviceLostError

# Only builtins of the shell: old phones have no printf, and dash, used by tests, has no print. The
# input's reader passes lines on until the marker. If the connection ends before it, the reader
# sends all of these processes SIGHUP, as a daemon with shell_v2 does.
_SHELL = """\
case $KSH_VERSION in ?*) p() { print -r -- "$1"; } ;; *) p() { printf '%s\\n' "$1"; } ;; esac
s=
while IFS= read -r l && [ "$l" != MARK ]; do s="$s$l
"; done
exec 3>&1
{ while IFS= read -r l; do [ "$l" = MARK ] && exit; p "$l"; done; kill -HUP 0; } 2>/dev/null 3>&- |
{ { ( eval "$s" ) 2>&1 >&3 3>&-; echo "MARK s $?" >&3; } |
while IFS= read -r l || [ -n "$l" ]; do p "MARK e $l"; done >&3; echo "MARK x" >&3; }"""


class MarkedProcess(Process):
    """A command that runs under the shell lines above; see `Process`."""

    def __init__(self, stream: Stream, timeout_s: float, mark: bytes) -> None:
        super().__init__(stream, timeout_s)
        self._mark = mark
        self._raw = b""  # the last, unterminated line
        self._parsed_status: int | None = None
        self._in_line = self._input_ended = False

    def write(self, data: bytes) -> None:
        """Write lines of standard input."""
        if b"\0" in data:
            raise DeviceError(
                "the phone's adb daemon (no shell_v2) takes no NUL bytes for a command"
            )
        if data:
            self._stream.write(data, self._timeout_s)
            self._in_line = not data.endswith(b"\n")

    def close_stdin(self) -> None:
        """End its standard input."""
        if not self._input_ended:
            self._input_ended = True
            self._stream.write(b"\n" * self._in_line + self._mark + b"\n", self._timeout_s)

    def close(self) -> None:
        """Close the command: its standard input ends, and it receives a hang-up."""
        if self.status is not None:
            with suppress(DeviceLostError):  # no process is left to hang up
                self.close_stdin()
        super().close()

    def _absorb(self, data: bytes) -> None:
        *lines, self._raw = (self._raw + data).split(b"\n")
        for line in lines:
            before, mark, rest = line.partition(self._mark + b" ")
            self._out += before
            if not mark:
                self._out += b"\n"
            elif rest.startswith(b"e "):
                self._err += rest[2:] + b"\n"
                del self._err[:-MAX_ERR_BYTES]
            elif rest.startswith(b"s ") and rest[2:].isdigit() and len(rest) < 6:
                self._parsed_status = int(rest[2:])
            elif rest == b"x" and self._parsed_status is not None:
                self.status = self._parsed_status
            else:
                raise DeviceLostError(f"the phone's answer is garbled: {rest!r:.40}")


def start_marked(link: Link, argv: Sequence[str], timeout_s: float) -> MarkedProcess:
    """Start a command; its words are quoted here. `DeviceError` on phones before Android 5."""
    mark = f"@@status-{secrets.token_hex(8)}"
    try:
        stream = link.open(f"exec:{_SHELL.replace('MARK', mark)}", timeout_s)
    except DeviceLostError:
        raise
    except DeviceError as error:
        raise DeviceError(
            "the phone's adb daemon has neither shell_v2 nor exec, so the exit status of a command "
            f"is unknown: Android 5 or newer is needed ({error})"
        ) from error
    process = MarkedProcess(stream, timeout_s, mark.encode())
    process.write(f"{shlex.join(argv)}\n{mark}\n".encode())
    return process
