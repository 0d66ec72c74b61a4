"""ADB's messages on a socket (protocol.txt)."""

import queue
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass

HEADER = struct.Struct("<6I")
CNXN, AUTH, OPEN = 0x4E584E43, 0x48545541, 0x4E45504F
OKAY, WRTE, CLSE = 0x59414B4F, 0x45545257, 0x45534C43
VERSION_OLD, VERSION_NO_CHECKSUM = 0x01000000, 0x01000001
MAX_PAYLOAD_BEFORE_CNXN = 4096


class BrokenError(Exception):
    """The connection ended, or its other side broke the protocol."""


class ViolationError(BrokenError):
    """The other side broke the protocol; says how."""


@dataclass(frozen=True)
class Message:
    """One message; `arg0` and `arg1` mean what the command says."""

    command: int
    arg0: int
    arg1: int
    payload: bytes = b""


class Wire:
    """Sends from a separate thread, so that a reader never waits for the other side."""

    def __init__(self, sock: socket.socket, max_payload: int) -> None:
        self._sock = sock
        self.max_payload = max_payload  # what we take
        self.checksums = False  # until a CNXN asks for them; its own is not checked by adbd either
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send_all, daemon=True)
        self._sender.start()

    def send(self, command: int, arg0: int, arg1: int, payload: bytes = b"") -> None:
        check = checksum(payload) if self.checksums else 0
        head = HEADER.pack(command, arg0, arg1, len(payload), check, command ^ 0xFFFFFFFF)
        self._queue.put(head + payload)

    def receive(self) -> Message:
        """Wait for the next message; `BrokenError` at the end, `ViolationError` for a bad one."""
        head = HEADER.unpack(self._exactly(HEADER.size))
        command, arg0, arg1, size, check, magic = head
        if magic != command ^ 0xFFFFFFFF:
            raise ViolationError(f"magic of {command:08x} is {magic:08x}")
        if size > self.max_payload:
            raise ViolationError(f"payload of {size} bytes, at most {self.max_payload} were agreed")
        payload = self._exactly(size)
        if self.checksums and check != checksum(payload):
            raise ViolationError(f"checksum of {command:08x} is {check:08x}")
        return Message(command, arg0, arg1, payload)

    def close(self) -> None:
        """Send what is left, for a moment, then break the connection."""
        self._queue.put(None)
        if threading.current_thread() is not self._sender:
            self._sender.join(timeout=0.5)
        self.kick()
        self._sender.join()
        self._sock.close()

    def kick(self) -> None:
        """Break the connection; whoever reads gets `BrokenError`."""
        with suppress(OSError):  # already broken
            self._sock.shutdown(socket.SHUT_RDWR)

    def _send_all(self) -> None:
        with suppress(OSError):  # the reader sees the end of the connection too
            while (data := self._queue.get()) is not None:
                self._sock.sendall(data)

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            try:
                count = self._sock.recv_into(view[got:])
            except OSError as error:
                raise BrokenError(str(error)) from error
            if not count:
                raise BrokenError("the connection ended")
            got += count
        return bytes(data)


def checksum(payload: bytes) -> int:
    """The sum of the bytes, which the protocol calls a CRC."""
    return sum(payload) & 0xFFFFFFFF
