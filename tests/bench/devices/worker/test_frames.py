"""Frames: what is sent arrives, in pieces of any size; what is garbled is refused within limits."""

import struct
import zlib

import pytest

from bench.devices.worker import frames
from bench.devices.worker.frames import MAGIC, MAX_NOISE_BYTES, Frame, FrameReader
from bench.errors import DeviceLostError

FRAMES = [Frame({"a": 1}), Frame({}, b"OFAB\n\0"), Frame({"text": "ä"}, b"x" * 1000)]
STREAM = b"".join(frame.pack() for frame in FRAMES)


def packed(text: bytes, content: bytes = b"") -> bytes:
    """A frame of any bytes, with a right header."""
    crc = zlib.crc32(text + content)
    return struct.pack(">4sIII", MAGIC, len(text), len(content), crc) + text + content


def test_a_frame_is_a_header_a_json_text_and_content() -> None:
    assert Frame({"a": 1}, b"xy").pack() == packed(b'{"a": 1}', b"xy")


@pytest.mark.parametrize("size", [1, 7, 16, 17, 1 << 20])
def test_frames_arrive_in_pieces_of_any_size(size: int) -> None:
    reader = FrameReader()
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    assert [frame for piece in pieces for frame in reader.feed(piece)] == FRAMES


def test_a_frame_that_is_cut_short_is_none_yet() -> None:
    reader = FrameReader()

    assert reader.feed(STREAM[:-1]) == FRAMES[:2]
    assert reader.feed(STREAM[-1:]) == FRAMES[2:]


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_what_a_login_shell_prints_before_is_skipped_and_kept(size: int) -> None:
    reader = FrameReader()
    data = b"Welcome to OFA!\nOFA" + STREAM
    pieces = [data[start : start + size] for start in range(0, len(data), size)]

    assert [frame for piece in pieces for frame in reader.feed(piece)] == FRAMES
    assert reader.noise == "Welcome to OFA!\nOFA"


def test_a_program_that_prints_no_frame_is_given_up() -> None:
    reader = FrameReader()
    assert reader.feed(b"y\n" * (MAX_NOISE_BYTES // 2)) == []
    assert reader.noise.startswith("y\ny\n")

    with pytest.raises(DeviceLostError, match="no frame in its first 65536 bytes"):
        reader.feed(b"y\ny\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"ofab" + STREAM, "it begins with b'ofab'"),
        (packed(b"{"), "it is not JSON"),
        (packed(b"[" * 100_000), "it is not JSON"),
        (packed(b"[1]"), "it is not a JSON object"),
        (packed(b"\xff"), "it is not JSON"),
        (STREAM[:12] + b"\0\0\0\0" + STREAM[16:], "its checksum is wrong"),
        (STREAM[:20] + b"?" + STREAM[21:], "its checksum is wrong"),
        (struct.pack(">4sIII", MAGIC, 1 << 24, 0, 0), r"it claims 16777216 \+ 0 bytes"),
        (struct.pack(">4sIII", MAGIC, 0, 1 << 31, 0), r"it claims 0 \+ 2147483648 bytes"),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes, reason: str) -> None:
    reader = FrameReader()
    reader.feed(FRAMES[0].pack())

    with pytest.raises(DeviceLostError, match=f"a frame that cannot be read: {reason}"):
        reader.feed(data)


def test_the_largest_frame_is_sent_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_JSON_BYTES", 8)
    monkeypatch.setattr(frames, "MAX_CONTENT_BYTES", 3)

    assert FrameReader().feed(Frame({"a": 1}, b"xyz").pack()) == [Frame({"a": 1}, b"xyz")]
    for larger in (Frame({"a": 1}, b"wxyz"), Frame({"a": 10}, b"xyz")):
        with pytest.raises(ValueError, match=r"a frame of \d \+ \d bytes is too large"):
            larger.pack()
