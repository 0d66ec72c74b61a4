"""Frames between this machine and a worker: a header, a JSON object, and binary content.

The header has 16 bytes, big-endian: the four bytes `OFAB`, the length of the JSON text, the length
of the binary content, and the CRC-32 of both together.
"""

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from bench.errors import DeviceLostError
from bench.files import parse_json

MAGIC = b"OFAB"
MAX_JSON_BYTES = 8 << 20
MAX_CONTENT_BYTES = 256 << 20
MAX_NOISE_BYTES = 64 << 10  # that a login shell may print before the first frame
_HEADER = struct.Struct(">4sIII")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a JSON object, and the bytes that it refers to."""

    message: dict[str, Any]
    content: bytes = b""

    def pack(self) -> bytes:
        """Return the frame's bytes; `ValueError` if it exceeds the limits."""
        text = json.dumps(self.message).encode()
        if len(text) > MAX_JSON_BYTES or len(self.content) > MAX_CONTENT_BYTES:
            raise ValueError(f"a frame of {len(text)} + {len(self.content)} bytes is too large")
        crc = zlib.crc32(self.content, zlib.crc32(text))
        return _HEADER.pack(MAGIC, len(text), len(self.content), crc) + text + self.content


class FrameReader:
    """Assembles frames from bytes as they arrive.

    Bytes before the first frame are skipped, up to `MAX_NOISE_BYTES`: some login shells print.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._noise = bytearray()
        self._begun = False

    @property
    def noise(self) -> str:
        """What arrived before the first frame, as text."""
        skipped = self._noise if self._begun else self._noise + self._buffer
        return skipped.decode("utf-8", "replace")

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete now; `DeviceLostError` for bytes that are none."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if not self._begun:
            self._skip_noise()
        if not self._begun or len(self._buffer) < _HEADER.size:
            return None
        magic, json_bytes, content_bytes, crc = _HEADER.unpack_from(self._buffer)
        if magic != MAGIC:
            raise _garbled(f"it begins with {bytes(magic)!r}")
        if json_bytes > MAX_JSON_BYTES or content_bytes > MAX_CONTENT_BYTES:
            raise _garbled(f"it claims {json_bytes} + {content_bytes} bytes")
        middle = _HEADER.size + json_bytes
        end = middle + content_bytes
        if len(self._buffer) < end:
            return None
        text = bytes(self._buffer[_HEADER.size : middle])
        content = bytes(self._buffer[middle:end])
        del self._buffer[:end]
        if zlib.crc32(content, zlib.crc32(text)) != crc:
            raise _garbled("its checksum is wrong")
        return Frame(_object(text), content)

    def _skip_noise(self) -> None:
        start = self._buffer.find(MAGIC)
        self._begun = start >= 0
        # The end of the buffer may be the beginning of the mark.
        skipped = start if self._begun else max(0, len(self._buffer) - len(MAGIC) + 1)
        self._noise += self._buffer[:skipped]
        del self._buffer[:skipped]
        if len(self._noise) > MAX_NOISE_BYTES:
            raise _garbled(f"no frame in its first {MAX_NOISE_BYTES} bytes")


def _object(text: bytes) -> dict[str, Any]:
    try:
        message = parse_json(text)
    except ValueError as error:
        raise _garbled("it is not JSON") from error
    if not isinstance(message, dict):
        raise _garbled("it is not a JSON object")
    return message


def _garbled(reason: str) -> DeviceLostError:
    return DeviceLostError(f"the other side sent a frame that cannot be read: {reason}")
