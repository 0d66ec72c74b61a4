"""Timeouts of messages that arrive slowly or in part, by a fake clock."""

import pytest

from bench.devices.android.adb import wire
from bench.devices.android.adb.shell import STALL_S, STDOUT, Process, packet
from bench.devices.android.adb.wire import HEADER, Message, Wire
from bench.errors import DeviceLostError


class Clock:
    """Clock in seconds that the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Pipe:
    """Pipe that returns its pieces in order, each after a wait, then nothing."""

    joined = True

    def __init__(self, clock: Clock, pieces: list[tuple[float, bytes]]) -> None:
        self.clock = clock
        self.due = [
            (wait_s + sum(w for w, _ in pieces[:i]), p) for i, (wait_s, p) in enumerate(pieces)
        ]

    def read(self, most: int, timeout_s: float) -> bytes:
        if not self.due or self.due[0][0] > self.clock.now_s + timeout_s:
            self.clock.now_s += timeout_s
            raise TimeoutError
        due_s, piece = self.due.pop(0)
        self.clock.now_s = max(self.clock.now_s, due_s)
        if piece[most:]:
            self.due.insert(0, (due_s, piece[most:]))
        return piece[:most]

    def write(self, data: memoryview, timeout_s: float) -> int:
        del timeout_s
        return len(data)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(wire, "monotonic", clock)
    return clock


def header(length: int) -> bytes:
    code = int.from_bytes(b"WRTE", "little")
    return HEADER.pack(code, 1, 2, length, 0, code ^ 0xFFFFFFFF)


def test_the_first_byte_of_an_answer_may_take_the_whole_timeout(clock: Clock) -> None:
    pieces = [(250.0, header(3)), (0.0, b"abc")]

    assert Wire(Pipe(clock, pieces)).receive(300) == Message(b"WRTE", 1, 2, b"abc")


@pytest.mark.parametrize("pieces", [[(0.0, header(1024)), (1.0, b"abc")], [(0.0, header(3)[:9])]])
def test_the_rest_of_a_message_has_a_shorter_timeout(
    clock: Clock, pieces: list[tuple[float, bytes]]
) -> None:
    with pytest.raises(DeviceLostError, match="sent nothing for"):
        Wire(Pipe(clock, pieces)).receive(300)

    assert clock.now_s == pytest.approx(pieces[-1][0] + wire.STALL_S, abs=1)


def test_a_slow_message_is_received(clock: Clock) -> None:
    pieces = [(1.0, header(8)), *[(wire.STALL_S - 1, b"x")] * 8]

    assert Wire(Pipe(clock, pieces)).receive(5).payload == b"x" * 8


class Stream:
    """Stream that returns its data once and records timeouts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.waits_s: list[float] = []

    def read(self, timeout_s: float) -> bytes:
        self.waits_s.append(timeout_s)
        if not self.data:
            raise DeviceLostError("silent")
        data, self.data = self.data, b""
        return data

    def write(self, data: bytes, timeout_s: float) -> None:
        """Ignore the data."""

    def close(self) -> None:
        """Nothing is open."""


def test_the_rest_of_a_packet_has_a_shorter_timeout() -> None:
    stream = Stream(packet(STDOUT, b"a whole one") + packet(STDOUT, b"half")[:7])

    with pytest.raises(DeviceLostError, match="silent"):
        Process(stream, 1.0).wait(300)

    assert stream.waits_s == [pytest.approx(300, abs=1), STALL_S]
