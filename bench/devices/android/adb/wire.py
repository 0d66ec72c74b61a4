"""ADB's messages, 24 bytes and a payload (AOSP, packages/modules/adb/protocol.txt)."""

import struct
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from bench.errors import DeviceLostError, one_line

# From this version on, neither side computes payload checksums: TCP and USB do it.
VERSION = 0x01000001
MAX_PAYLOAD_BYTES = 1 << 20
HEADER = struct.Struct("<6I")
NAMES = (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"WRTE", b"CLSE", b"STLS")
_CODES = {name: int.from_bytes(name, "little") for name in NAMES}
_BY_CODE = {code: name for name, code in _CODES.items()}
_POLL_S = 0.5  # a pipe's own timeout; ours consist of several
# Within a message bytes follow at once, however long the phone waits before sending it: if they do
# not, its length was garbled.
STALL_S = 10.0


class Pipe(Protocol):
    """Bytes to and from a daemon; `TimeoutError` if none moved in time, `OSError` at a break."""

    joined: bool  # header and payload go in one write; USB needs two

    def read(self, most: int, timeout_s: float) -> bytes: ...

    def write(self, data: memoryview, timeout_s: float) -> int: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One message; the command defines the meaning of its arguments."""

    command: bytes
    first: int
    second: int
    payload: bytes = b""


class Wire:
    """Sends and receives complete messages."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._buffer = bytearray()
        # Checksums are sent until the peer says that it needs none, and checked once it sends some.
        self.send_sums, self.check_sums = True, False

    def agree(self, version: int) -> None:
        """Use the peer's protocol version from now on."""
        self.send_sums = self.check_sums = version < VERSION

    def send(self, message: Message, timeout_s: float) -> None:
        """Send; `DeviceLostError` if the connection breaks or accepts nothing until the timeout."""
        code = _CODES[message.command]
        total = sum(message.payload) & 0xFFFFFFFF if self.send_sums else 0
        header = HEADER.pack(
            code, message.first, message.second, len(message.payload), total, code ^ 0xFFFFFFFF
        )
        if self._pipe.joined:
            self._write(header + message.payload, timeout_s)
            return
        self._write(header, timeout_s)
        if message.payload:
            self._write(message.payload, timeout_s)

    def receive(self, timeout_s: float) -> Message:
        """Return the next message; `DeviceLostError` as for `send`, or if it is garbled."""
        header = self._exactly(HEADER.size, timeout_s)
        code, first, second, length, total, magic = HEADER.unpack(header)
        command = _BY_CODE.get(code)
        if command is None or magic != code ^ 0xFFFFFFFF or length > MAX_PAYLOAD_BYTES:
            raise DeviceLostError(f"the phone's answer is garbled: {header.hex()}")
        payload = self._exactly(length, STALL_S)
        if self.check_sums and sum(payload) & 0xFFFFFFFF != total:
            raise DeviceLostError("the phone's answer is garbled: its checksum is wrong")
        return Message(command, first, second, payload)

    def close(self) -> None:
        self._pipe.close()

    def _exactly(self, count: int, timeout_s: float) -> bytes:
        """Return `count` bytes; the connection is lost if none arrive until the timeout."""
        deadline_s = monotonic() + timeout_s
        while len(self._buffer) < count:
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise DeviceLostError(f"the phone sent nothing for {timeout_s:g} s")
            received = self._read(count - len(self._buffer), min(left_s, _POLL_S))
            if received:
                self._buffer += received
                deadline_s = monotonic() + min(timeout_s, STALL_S)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _read(self, most: int, timeout_s: float) -> bytes:
        try:
            data = self._pipe.read(most, timeout_s)
        except TimeoutError:
            return b""
        except OSError as error:
            raise lost(error) from error
        if not data:
            raise DeviceLostError("the phone closed the connection")
        return data

    def _write(self, data: bytes, timeout_s: float) -> None:
        rest, deadline_s = memoryview(data), monotonic() + timeout_s
        while rest:
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise DeviceLostError(f"the phone accepted nothing for {timeout_s:g} s")
            try:
                rest = rest[self._pipe.write(rest, min(left_s, _POLL_S)) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise lost(error) from error


def lost(error: OSError) -> DeviceLostError:
    """Return the error for a broken connection, with its cause."""
    reason = error.strerror or one_line(error)
    return DeviceLostError(f"the connection to the phone broke: {reason}")
