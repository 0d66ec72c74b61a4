"""ADB messages: headers, checksums, garbled messages, and pipes that move few bytes at a time."""

import struct

import pytest

from bench.devices.android.adb import wire
from bench.devices.android.adb.wire import Message, Wire, lost
from bench.errors import DeviceLostError

# As in protocol.txt: the command's letters as a little-endian number, and its complement.
OPEN, NOT_OPEN = 0x4E45504F, 0xB1BAAFB0
WRTE, NOT_WRTE = 0x45545257, 0xBAABADA8


class Pipe:
    """Pipe that records each write and returns its data, as much as requested at once."""

    def __init__(
        self, incoming: bytes = b"", *, joined: bool = True, at_once: int = 1 << 20
    ) -> None:
        self.incoming, self.joined, self.at_once = incoming, joined, at_once
        self.writes: list[bytes] = []
        self.waits_s: list[float] = []
        self.fails: list[OSError] = []
        self.closed = False

    def read(self, most: int, timeout_s: float) -> bytes:
        self.waits_s.append(timeout_s)
        if self.fails:
            raise self.fails.pop(0)
        given, self.incoming = self.incoming[:most], self.incoming[most:]
        return given

    def write(self, data: memoryview, timeout_s: float) -> int:
        self.waits_s.append(timeout_s)
        if self.fails:
            raise self.fails.pop(0)
        self.writes.append(bytes(data[: self.at_once]))
        return len(self.writes[-1])

    def close(self) -> None:
        self.closed = True


def message(*, total: int = 0, magic: int = NOT_WRTE, length: int = 3, code: int = WRTE) -> bytes:
    return struct.pack("<6I", code, 7, 9, length, total, magic) + b"abb"


def test_a_message_is_its_header_and_its_payload() -> None:
    pipe = Pipe()

    Wire(pipe).send(Message(b"OPEN", 5, 0, b"shell:\0"), 1)

    # s 115, h 104, e 101, l 108 twice, : 58.
    assert pipe.writes == [struct.pack("<6I", OPEN, 5, 0, 7, 594, NOT_OPEN) + b"shell:\0"]


def test_a_pipe_that_needs_two_writes_gets_the_header_first() -> None:
    pipe = Pipe(joined=False)

    Wire(pipe).send(Message(b"WRTE", 5, 6, b"ab"), 1)
    Wire(pipe).send(Message(b"WRTE", 5, 6), 1)

    empty = struct.pack("<6I", WRTE, 5, 6, 0, 0, NOT_WRTE)
    assert pipe.writes == [struct.pack("<6I", WRTE, 5, 6, 2, 97 + 98, NOT_WRTE), b"ab", empty]


@pytest.mark.parametrize(("version", "sums"), [(0x01000000, True), (0x01000001, False)])
def test_checksums_are_sent_only_to_older_daemons(version: int, sums: bool) -> None:
    pipe = Pipe()
    ours = Wire(pipe)

    ours.agree(version)
    ours.send(Message(b"WRTE", 1, 2, b"\x01\x02"), 1)

    assert pipe.writes[0][16:20] == bytes([3 if sums else 0, 0, 0, 0])


def test_a_wrong_checksum_is_an_error_where_the_daemon_sends_checksums() -> None:
    right, wrong = message(total=97 + 98 + 98), message(total=97 + 98 + 99)
    older, newer = Wire(Pipe(right + wrong)), Wire(Pipe(wrong))
    older.agree(0x01000000)
    newer.agree(0x01000001)

    assert older.receive(1) == Message(b"WRTE", 7, 9, b"abb")
    with pytest.raises(DeviceLostError, match="its checksum is wrong"):
        older.receive(1)
    assert newer.receive(1).payload == b"abb"
    assert Wire(Pipe(wrong)).receive(1).payload == b"abb"  # before anything is agreed on


@pytest.mark.parametrize(
    "header",
    [
        {"magic": NOT_WRTE ^ 1},
        {"code": 0x12345678, "magic": 0x12345678 ^ 0xFFFFFFFF},
        {"length": (1 << 20) + 1},
    ],
)
def test_an_invalid_header_is_garbled(header: dict[str, int]) -> None:
    with pytest.raises(DeviceLostError, match=r"is garbled: [0-9a-f]{48}"):
        Wire(Pipe(message(**header))).receive(1)


def test_a_payload_may_have_a_megabyte() -> None:
    pipe = Pipe(message(length=1 << 20)[:24] + bytes(1 << 20))

    assert len(Wire(pipe).receive(1).payload) == 1 << 20


def test_a_message_is_sent_whole_through_a_pipe_that_accepts_few_bytes() -> None:
    pipe = Pipe(at_once=10)
    pipe.fails = [TimeoutError()]  # accepts nothing at first

    Wire(pipe).send(Message(b"WRTE", 1, 2, b"abcdef"), 5)

    assert [len(write) for write in pipe.writes] == [10, 10, 10]
    assert b"".join(pipe.writes)[24:] == b"abcdef"


def test_two_messages_that_arrive_together_are_separated() -> None:
    both = Wire(Pipe(message() + message(length=2)[:-1]))

    assert [both.receive(1).payload, both.receive(1).payload] == [b"abb", b"ab"]


def test_a_daemon_that_reads_nothing_is_lost_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times_s = iter([100.0, 100.0, 101.8, 102.0])  # the deadline is 102
    monkeypatch.setattr(wire, "monotonic", lambda: next(times_s))
    pipe = Pipe()
    pipe.fails = [TimeoutError()] * 9

    with pytest.raises(DeviceLostError, match="the phone accepted nothing for 2 s"):
        Wire(pipe).send(Message(b"WRTE", 1, 2), 2)

    # Polled every half second, never beyond the deadline.
    assert pipe.waits_s == [0.5, pytest.approx(0.2)]


def test_a_daemon_that_sends_nothing_is_lost_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times_s = iter([100.0, 100.0, 101.8, 102.0])
    monkeypatch.setattr(wire, "monotonic", lambda: next(times_s))
    pipe = Pipe()
    pipe.fails = [TimeoutError()] * 9

    with pytest.raises(DeviceLostError, match="the phone sent nothing for 2 s"):
        Wire(pipe).receive(2)

    assert pipe.waits_s == [0.5, pytest.approx(0.2)]


def test_a_closed_connection_is_lost() -> None:
    ours = Wire(pipe := Pipe(b"some bytes"))

    with pytest.raises(DeviceLostError, match="the phone closed the connection"):
        ours.receive(1)
    ours.close()

    assert pipe.closed


@pytest.mark.parametrize("way", ["send", "receive"])
def test_a_broken_connection_is_reported_with_its_reason(way: str) -> None:
    pipe = Pipe()
    pipe.fails = [ConnectionResetError(104, "Connection reset by peer")]

    with pytest.raises(DeviceLostError, match="broke: Connection reset by peer"):
        Wire(pipe).receive(1) if way == "receive" else Wire(pipe).send(Message(b"OKAY", 1, 2), 1)


def test_an_error_without_a_text_is_reported_by_its_type() -> None:
    assert str(lost(OSError("no\n device"))).endswith("broke: no device")
    assert str(lost(BrokenPipeError())).endswith("broke: BrokenPipeError")
