"""Shell protocol, version 2: exit status, standard output and standard error of commands.

A packet is a type byte, its length, and its bytes (AOSP, adb's shell_protocol.h).
"""

import shlex
import struct
from collections.abc import Sequence
from time import monotonic

from bench.closing import Closing
from bench.devices.android.adb.link import Link, Stream
from bench.devices.remote.connection import CommandResult
from bench.errors import DeviceLostError

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN, WINDOW = range(6)
MAX_PACKET_BYTES = 1 << 20  # adbd's own buffer
_HEADER = struct.Struct("<BI")
STALL_S = 10.0  # within a packet bytes follow at once: otherwise its length was garbled
_PACKET_BYTES = 32 * 1024  # of standard input at once
MAX_ERR_BYTES = 1 << 20  # of standard error that is kept


def packet(kind: int, data: bytes = b"") -> bytes:
    """Return the bytes of a packet."""
    return _HEADER.pack(kind, len(data)) + data


class PacketReader:
    """Assembles packets from bytes as they arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the packets that are complete now; `DeviceLostError` for invalid bytes."""
        self._buffer += data
        packets = []
        while len(self._buffer) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._buffer)
            if kind > WINDOW or length > MAX_PACKET_BYTES:
                raise DeviceLostError("the phone's answer is garbled: it is not a shell packet")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                break
            packets.append((kind, bytes(self._buffer[_HEADER.size : end])))
            del self._buffer[:end]
        return packets

    @property
    def broken_off(self) -> bool:
        """Whether the last bytes are an incomplete packet."""
        return bool(self._buffer)


class Process(Closing):
    """A command that runs on the phone; used as a context, it is closed at the end."""

    def __init__(self, stream: Stream, timeout_s: float) -> None:
        self._stream = stream
        self._timeout_s = timeout_s  # for each write
        self._packets = PacketReader()
        self._out = bytearray()
        self._err = bytearray()
        self.status: int | None = None

    @property
    def err(self) -> bytes:
        """Its standard error so far; the last megabyte of it."""
        return bytes(self._err)

    def read_line(self, timeout_s: float) -> bytes | None:
        """Return the next line of standard output with its end; None if there are no more.

        Raises `DeviceLostError` after `timeout_s`, or if the connection broke.
        """
        deadline_s = monotonic() + timeout_s
        while (end := self._out.find(b"\n")) < 0 and self.status is None:
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise DeviceLostError(f"the phone's program wrote no line for {timeout_s:g} s")
            self._take(left_s)
        if end < 0:
            end = len(self._out) - 1  # an unterminated last line
        line = bytes(self._out[: end + 1])
        del self._out[: end + 1]
        return line or None

    def wait(self, timeout_s: float) -> CommandResult:
        """Read its output until it ends."""
        deadline_s = monotonic() + timeout_s
        while self.status is None:
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise DeviceLostError(f"the phone's command did not end within {timeout_s:g} s")
            self._take(left_s)
        return CommandResult(self.status, bytes(self._out), bytes(self._err))

    def write(self, data: bytes) -> None:
        """Write standard input."""
        for start in range(0, len(data), _PACKET_BYTES):
            piece = data[start : start + _PACKET_BYTES]
            self._stream.write(packet(STDIN, piece), self._timeout_s)

    def close_stdin(self) -> None:
        """End its standard input."""
        self._stream.write(packet(CLOSE_STDIN), self._timeout_s)

    def close(self) -> None:
        """Close the command: its standard input ends, and it receives a hang-up."""
        self._stream.close()

    def _take(self, timeout_s: float) -> None:
        if self._packets.broken_off:
            timeout_s = min(timeout_s, STALL_S)
        data = self._stream.read(timeout_s)
        if not data:
            raise DeviceLostError("the connection to the phone broke before its command ended")
        self._absorb(data)

    def _absorb(self, data: bytes) -> None:
        for kind, content in self._packets.feed(data):
            if kind == STDOUT:
                self._out += content
            elif kind == STDERR:
                self._err += content
                del self._err[:-MAX_ERR_BYTES]
            elif kind == EXIT and content:
                self.status = content[0]


def start(link: Link, argv: Sequence[str], timeout_s: float) -> Process:
    """Start a command; its words are quoted here. The daemon must have shell_v2."""
    return Process(link.open(f"shell,v2,raw:{shlex.join(argv)}", timeout_s), timeout_s)
