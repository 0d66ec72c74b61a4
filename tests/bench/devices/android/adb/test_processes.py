"""Processes on a phone from the packets that they send: outputs, lines, and how they end."""

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
    CommandResult,
    PacketReader,
    Process,
    packet,
)
from bench.errors import DeviceLostError

MEGABYTE = 1 << 20


class Stream:
    """Gives its pieces one after the other, then breaks; keeps what is written."""

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


def test_packets_are_numbered_as_the_protocol_does() -> None:
    assert (STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN, WINDOW) == (0, 1, 2, 3, 4, 5)
    assert packet(STDERR, b"abc") == b"\x02\x03\x00\x00\x00abc"
    assert packet(CLOSE_STDIN) == b"\x04\x00\x00\x00\x00"


@pytest.mark.parametrize("at_once", [1, 4, 5, 6, 100])
def test_packets_are_put_together_however_they_are_cut(at_once: int) -> None:
    whole = packet(STDOUT, b"one") + packet(STDERR, b"") + packet(EXIT, b"\x00")
    packets, found = PacketReader(), []
    for start in range(0, len(whole), at_once):
        found += packets.feed(whole[start : start + at_once])

    assert found == [(STDOUT, b"one"), (STDERR, b""), (EXIT, b"\x00")]
    assert not packets.broken_off


def test_a_beginning_of_a_packet_is_broken_off() -> None:
    packets = PacketReader()

    assert packets.feed(packet(STDOUT, b"one") + b"\x01") == [(STDOUT, b"one")]
    assert packets.broken_off


@pytest.mark.parametrize("header", [(WINDOW + 1, 1), (STDOUT, MEGABYTE + 1)])
def test_what_is_no_packet_is_garbled(header: tuple[int, int]) -> None:
    with pytest.raises(DeviceLostError, match="not a shell packet"):
        PacketReader().feed(struct.pack("<BI", *header))


def test_the_largest_packet_and_the_last_kind_are_taken() -> None:
    assert PacketReader().feed(struct.pack("<BI", STDOUT, MEGABYTE)) == []
    assert PacketReader().feed(packet(WINDOW, b"80x24")) == [(WINDOW, b"80x24")]


def test_a_command_ends_with_both_its_outputs_and_its_status() -> None:
    stream = Stream(
        packet(STDOUT, b" one") + packet(STDERR, b"bad"),
        packet(EXIT),  # says nothing yet
        packet(WINDOW, b"80x24") + packet(STDOUT, b" two\n"),
        packet(EXIT, b"\x83"),
        packet(STDOUT, b"not read"),
    )

    ended = Process(stream, 1).wait(60)

    assert ended == CommandResult(status=131, out=b" one two\n", err=b"bad")
    assert ended.text == "one two"
    assert CommandResult(0, b"\xff\n", b"").text == "\ufffd"


def test_of_standard_error_the_last_megabyte_is_kept() -> None:
    parts = [b"a" * MEGABYTE, b"b" * 10]
    process = Process(Stream(*(packet(STDERR, part) for part in parts), packet(EXIT, b"\x00")), 1)

    process.wait(60)

    assert MAX_ERR_BYTES == MEGABYTE
    assert process.err == b"a" * (MEGABYTE - 10) + b"b" * 10


def test_lines_are_read_one_by_one_and_the_last_may_have_no_end() -> None:
    stream = Stream(packet(STDOUT, b"a\n\nb"), packet(STDOUT, b"c\nrest"), packet(EXIT, b"\x00"))
    process = Process(stream, 1)

    lines = [process.read_line(60), process.read_line(60)]
    assert len(stream.pieces) == 2  # nothing is waited for that is not needed
    lines += [process.read_line(60) for _ in range(3)]

    assert lines == [b"a\n", b"\n", b"bc\n", b"rest", None]
    assert process.status == 0


def test_lines_that_came_before_the_end_are_read_after_it() -> None:
    process = Process(Stream(packet(STDOUT, b"a\nb\n") + packet(EXIT, b"\x01")), 1)

    assert [process.read_line(60) for _ in range(3)] == [b"a\n", b"b\n", None]


@pytest.mark.parametrize("way", ["read_line", "wait"])
def test_a_connection_that_breaks_before_the_end_is_lost(way: str) -> None:
    with pytest.raises(DeviceLostError, match="broke before its command ended"):
        getattr(Process(Stream(packet(STDOUT, b"half")), 1), way)(60)


@pytest.mark.parametrize(
    ("way", "why"), [("read_line", "wrote no line for 2 s"), ("wait", "did not end within 2 s")]
)
def test_a_command_that_goes_on_too_long_is_lost(
    monkeypatch: pytest.MonkeyPatch, way: str, why: str
) -> None:
    times_s = iter([100.0, 101.0, 102.0])  # begun, after a second, and when the time is up
    monkeypatch.setattr(shell, "monotonic", lambda: next(times_s))
    stream = Stream(*[packet(STDOUT, b"no end")] * 9)

    with pytest.raises(DeviceLostError, match=why):
        getattr(Process(stream, 1), way)(2)

    assert len(stream.pieces) == 8  # read once, a second before its time was up


def test_standard_input_goes_in_packets_of_32_kib_and_ends() -> None:
    stream, data = Stream(), bytes(range(256)) * 257  # 65,792 bytes

    process = Process(stream, 3.0)
    process.write(data)
    process.close_stdin()

    pieces = [data[:32768], data[32768:65536], data[65536:]]
    expected = [*(packet(STDIN, piece) for piece in pieces), packet(CLOSE_STDIN)]
    assert stream.written == [(one, 3.0) for one in expected]


def test_a_process_is_let_go_of_at_the_end_of_its_context() -> None:
    with Process(stream := Stream(), 1):
        assert not stream.closed

    assert stream.closed
