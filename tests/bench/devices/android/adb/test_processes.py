"""Processes on a phone, by their packets: outputs, lines and ends."""

import struct

import pytest

from bench.devices.android.adb import shell
from bench.devices.android.adb.shell import (
    CLOSE_STDIN,
    EXIT,
    MAX_ERR_BYTES,
    STDERR,
    STDIN,
    STDOUT,
    WINDOW,
    PacketReader,
    Process,
    packet,
)
from bench.devices.remote.connection import CommandResult
from bench.errors import DeviceLostError

MEGABYTE = 1 << 20


class Stream:
    """Stream that returns its pieces in order, then breaks; records what is written."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.written: list[tuple[bytes, float]] = []
        self.closed = False

    def read(self, timeout_s: float) -> bytes:
        del timeout_s
        return self.pieces.pop(0) if self.pieces else b""

    def write(self, data: bytes, timeout_s: float) -> None:
        self.written.append((data, timeout_s))

    def close(self) -> None:
        self.closed = True


def test_packet_ids_are_those_of_the_protocol() -> None:
    assert (STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN, WINDOW) == (0, 1, 2, 3, 4, 5)
    assert packet(STDERR, b"abc") == b"\x02\x03\x00\x00\x00abc"
    assert packet(CLOSE_STDIN) == b"\x04\x00\x00\x00\x00"


@pytest.mark.parametrize("at_once", [1, 4, 5, 6, 100])
def test_packets_are_reassembled_from_pieces_of_any_size(at_once: int) -> None:
    whole = packet(STDOUT, b"one") + packet(STDERR, b"") + packet(EXIT, b"\x00")
    reader, packets = PacketReader(), []
    for start in range(0, len(whole), at_once):
        packets += reader.feed(whole[start : start + at_once])

    assert packets == [(STDOUT, b"one"), (STDERR, b""), (EXIT, b"\x00")]
    assert not reader.broken_off


def test_an_incomplete_packet_is_reported_as_such() -> None:
    packets = PacketReader()

    assert packets.feed(packet(STDOUT, b"one") + b"\x01") == [(STDOUT, b"one")]
    assert packets.broken_off


@pytest.mark.parametrize("header", [(WINDOW + 1, 1), (STDOUT, MEGABYTE + 1)])
def test_an_invalid_packet_is_garbled(header: tuple[int, int]) -> None:
    with pytest.raises(DeviceLostError, match="not a shell packet"):
        PacketReader().feed(struct.pack("<BI", *header))


def test_the_largest_packet_and_the_last_kind_are_accepted() -> None:
    assert PacketReader().feed(struct.pack("<BI", STDOUT, MEGABYTE)) == []
    assert PacketReader().feed(packet(WINDOW, b"80x24")) == [(WINDOW, b"80x24")]


def test_a_command_ends_with_both_outputs_and_its_status() -> None:
    stream = Stream(
        packet(STDOUT, b" one") + packet(STDERR, b"bad"),
        packet(EXIT),  # incomplete
        packet(WINDOW, b"80x24") + packet(STDOUT, b" two\n"),
        packet(EXIT, b"\x83"),
        packet(STDOUT, b"not read"),
    )

    ended = Process(stream, 1).wait(60)

    assert ended == CommandResult(status=131, out=b" one two\n", err=b"bad")
    assert ended.text == "one two"
    assert CommandResult(0, b"\xff\n", b"").text == "\ufffd"


def test_the_last_megabyte_of_standard_error_is_kept() -> None:
    parts = [b"a" * MEGABYTE, b"b" * 10]
    process = Process(Stream(*(packet(STDERR, part) for part in parts), packet(EXIT, b"\x00")), 1)

    process.wait(60)

    assert MAX_ERR_BYTES == MEGABYTE
    assert process.err == b"a" * (MEGABYTE - 10) + b"b" * 10


def test_lines_are_read_singly_and_the_last_may_lack_a_newline() -> None:
    stream = Stream(packet(STDOUT, b"a\n\nb"), packet(STDOUT, b"c\nrest"), packet(EXIT, b"\x00"))
    process = Process(stream, 1)

    lines = [process.read_line(60), process.read_line(60)]
    assert len(stream.pieces) == 2  # nothing more is read than needed
    lines += [process.read_line(60) for _ in range(3)]

    assert lines == [b"a\n", b"\n", b"bc\n", b"rest", None]
    assert process.status == 0


def test_lines_received_before_the_end_are_readable_after_it() -> None:
    process = Process(Stream(packet(STDOUT, b"a\nb\n") + packet(EXIT, b"\x01")), 1)

    assert [process.read_line(60) for _ in range(3)] == [b"a\n", b"b\n", None]


@pytest.mark.parametrize("way", ["read_line", "wait"])
def test_a_connection_that_breaks_before_the_end_is_an_error(way: str) -> None:
    with pytest.raises(DeviceLostError, match="broke before its command ended"):
        getattr(Process(Stream(packet(STDOUT, b"half")), 1), way)(60)


@pytest.mark.parametrize(
    ("way", "why"), [("read_line", "wrote no line for 2 s"), ("wait", "did not end within 2 s")]
)
def test_a_command_that_exceeds_its_timeout_is_lost(
    monkeypatch: pytest.MonkeyPatch, way: str, why: str
) -> None:
    times_s = iter([100.0, 101.0, 102.0])  # start, after a second, and at the deadline
    monkeypatch.setattr(shell, "monotonic", lambda: next(times_s))
    stream = Stream(*[packet(STDOUT, b"no end")] * 9)

    with pytest.raises(DeviceLostError, match=why):
        getattr(Process(stream, 1), way)(2)

    assert len(stream.pieces) == 8  # read once, a second before the deadline


def test_standard_input_is_sent_in_packets_of_32_kib_and_closed() -> None:
    stream, data = Stream(), bytes(range(256)) * 257  # 65,792 bytes

    process = Process(stream, 3.0)
    process.write(data)
    process.close_stdin()

    pieces = [data[:32768], data[32768:65536], data[65536:]]
    expected = [*(packet(STDIN, piece) for piece in pieces), packet(CLOSE_STDIN)]
    assert stream.written == [(data_packet, 3.0) for data_packet in expected]


def test_a_process_is_closed_at_the_end_of_its_context() -> None:
    with Process(stream := Stream(), 1):
        assert not stream.closed

    assert stream.closed
