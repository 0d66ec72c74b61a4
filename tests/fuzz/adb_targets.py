"""Fuzz targets of adb: messages, replies, packets, transfers and hashes of phones and servers."""

import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from unittest import mock

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.daemon import DaemonLink
from bench.devices.android.adb.link import parse_banner
from bench.devices.android.adb.listing import ListedPhone, find, name_of
from bench.devices.android.adb.marked_shell import MarkedProcess
from bench.devices.android.adb.server import ServerLink, listed
from bench.devices.android.adb.server_address import (
    ADDRESS,
    PORT_NAME,
    SOCKET,
    ServerAddress,
    server_address,
)
from bench.devices.android.adb.shell import EXIT, STDERR, STDOUT, Process, packet
from bench.devices.android.adb.sync import Sync
from bench.devices.android.adb.wire import HEADER, VERSION, Wire
from bench.devices.remote.connection import CommandResult, PushFile
from bench.devices.remote.content import hash_program, hashes
from bench.errors import InputError
from tests.fuzz.target import FuzzTarget, text_of

WAIT_S = 5.0
PLACE = ServerAddress("tcp:5037", "tcp", "", 5037)
MARK = b"@@status-0"
LONG = b"1" * 5000  # digits; Python reads no number of so many
BANNER = b"device::ro.product.model=SM-N950F;features=shell_v2,cmd,stat_v2\0"


class Peer:
    """The other end as a pipe, a socket and a stream: sends `data`, then closes."""

    joined = True
    features = frozenset({"shell_v2"})

    def __init__(self, data: bytes, most: int = 1 << 20) -> None:
        self._data, self._most = data, most

    def read(self, *most: float) -> bytes:
        """Return the next bytes, at most as many as requested."""
        size = min(self._most, int(most[0])) if len(most) == 2 else self._most
        part, self._data = self._data[:size], self._data[size:]
        return part

    def recv(self, most: int) -> bytes:
        return self.read(most, WAIT_S)

    def write(self, data: bytes | memoryview, timeout_s: float) -> int:
        del timeout_s
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Accept all data."""

    def settimeout(self, seconds: float | None) -> None:
        """Nothing is waited for."""

    def setsockopt(self, *option: object) -> None:
        """Nothing is delayed."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is open."""


class Key:
    """Signs any token."""

    def sign(self, token: bytes) -> bytes:
        return token[:20]

    def public(self) -> bytes:
        return b"key user@host"


class Shell:
    """A connection whose every command writes `data`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        del argv, timeout_s, stdin
        return CommandResult(0, self._data, b"")

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = print) -> None:
        """Accept all data."""


def message(command: bytes, first: int, second: int, payload: bytes = b"") -> bytes:
    """A message as a daemon sends it."""
    code = int.from_bytes(command, "little")
    total = sum(payload)
    head = HEADER.pack(code, first, second, len(payload), total, code ^ 0xFFFFFFFF)
    return head + payload


def sized(data: bytes) -> bytes:
    """A server's answer after its length."""
    return b"%04x" % len(data) + data


def read_wire(data: bytes) -> None:
    """Every message of a stream; the first byte says whether sums are checked."""
    wire = Wire(Peer(data[1:], 1 + (data[0] if data else 0)))
    if data[:1] < b"\x80":
        wire.agree(VERSION - 1)
    for _ in range(100):
        wire.receive(WAIT_S)


def read_daemon(data: bytes) -> None:
    """A handshake, then two services, one of which is written to."""
    link = DaemonLink(Peer(data))
    link.shake_hands(lambda: [Key()], lambda text: None, timeout_s=WAIT_S, confirm_s=WAIT_S)  # type: ignore[list-item]
    shell, other = link.open("shell,v2,raw:ls", WAIT_S), link.open("sync:", WAIT_S)
    other.write(b"x" * 100, WAIT_S)
    while shell.read(WAIT_S):
        pass
    other.close()
    link.close()


def read_server_list(data: bytes) -> None:
    """Read the list of a server, or its refusal."""
    with mock.patch.object(ServerAddress, "connect", return_value=Peer(data)):
        phones = listed(PLACE) or []
    for phone in phones:
        find(name_of(phone, phones), phones, before=phone)


def read_server_service(data: bytes) -> None:
    """A server's answers to a link and a service through it, one connection after the other."""
    phone = ListedPhone(serial="0123456789ABCDEF", state="ready", transport_id=3)
    with mock.patch.object(ServerAddress, "connect", return_value=Peer(data)):
        link = ServerLink(phone, WAIT_S, PLACE)
        stream = link.open("shell,v2,raw:ls", WAIT_S)
        while stream.read(WAIT_S):
            pass
        link.close()


def read_shell(data: bytes) -> None:
    """A command's output, by lines or as a whole, in pieces of any size."""
    process = Process(Peer(data[1:], 1 + (data[0] >> 1 if data else 0)), WAIT_S)  # type: ignore[arg-type]
    if data[:1] and data[0] & 1:
        while process.read_line(WAIT_S) is not None:
            pass
    process.wait(WAIT_S)


def read_marked_shell(data: bytes) -> None:
    """Read a command's output from a phone without shell_v2."""
    process = MarkedProcess(Peer(data[1:], 1 + (data[0] if data else 0)), WAIT_S, MARK)  # type: ignore[arg-type]
    process.wait(WAIT_S)


def read_server_place(data: bytes) -> None:
    """Read the server's address from each environment variable."""
    text = text_of(data)
    for name in (SOCKET, ADDRESS, PORT_NAME):
        with suppress(InputError):
            server_address({name: text})


def read_sync(data: bytes) -> None:
    """A transfer of each kind; the first byte says which."""
    session = Sync(Peer(data[1:]), WAIT_S)  # type: ignore[arg-type]
    kind = data[0] % 3 if data else 0
    if kind == 0:
        session.pull("/data/local/tmp/a")
    elif kind == 1:
        session.size_bytes("/data/local/tmp/a")
    else:
        session.push([PushFile("/data/local/tmp/a", b"abc"), PushFile("/data/b", b"x" * 70_000)])


def read_hashes(data: bytes) -> None:
    """Read hashes of files on the phone, and the name of the program that computes them."""
    result = hashes(Shell(data), "sha256sum", "/data/local/tmp", ["a", "b c"])
    assert all(isinstance(name, str) for name in result)
    hash_program(Shell(data))


def read_address(data: bytes) -> None:
    """An address that a user typed comes back as it was."""
    text = text_of(data)
    parse_banner(data)
    assert str(Address.parse(text)) == text


def _daemon_seeds() -> list[bytes]:
    greeting = message(b"CNXN", VERSION, 1 << 18, BANNER)
    opened = message(b"OKAY", 11, 1) + message(b"OKAY", 12, 2)
    talk = message(b"WRTE", 11, 1, packet(STDOUT, b"a\n")) + message(b"OKAY", 12, 2)
    end = message(b"CLSE", 11, 1) + message(b"CLSE", 12, 2)
    request = message(b"AUTH", 1, 0, b"t" * 20)
    old = message(b"CNXN", VERSION - 1, 4096, BANNER)
    return [greeting + opened + talk + end, request + request + old + opened + talk + end]


def _wire_seeds() -> list[bytes]:
    return [bytes([first]) + seed for first in (0x10, 0xFF) for seed in _daemon_seeds()]


def _shell_seeds() -> list[bytes]:
    talk = packet(STDOUT, b"one\ntw") + packet(STDERR, b"warning\n") + packet(STDOUT, b"o\n")
    return [bytes([first]) + talk + packet(EXIT, b"\0") for first in (0, 33, 254)]


def _sync_seeds() -> list[bytes]:
    data = struct.pack("<4sI", b"DATA", 5) + b"hello" + struct.pack("<4sI", b"DONE", 0)
    stat = struct.pack("<4sIII", b"STAT", 0o100644, 5, 0)
    okay = struct.pack("<4sI", b"OKAY", 0)
    fail = struct.pack("<4sI", b"FAIL", 13) + b"No space left"
    return [b"\0" + data, b"\1" + stat, b"\2" + okay + okay, b"\2" + okay + fail, b"\0" + fail]


_DEVICES = (
    b"0123456789ABCDEF       device usb:1-2 product:greatlte model:SM_N950F transport_id:1\n"
    b"192.0.2.7:5555         offline\n"
    b"adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp device model:Pixel_7 transport_id:3\n"
)
_HASHES = b"%s  ./a\n%s *./b c\n" % (b"0" * 64, b"f" * 64)

TARGETS = (
    FuzzTarget(name="adb_wire", read=read_wire, seeds=_wire_seeds),
    FuzzTarget(name="adb_daemon", read=read_daemon, seeds=_daemon_seeds),
    FuzzTarget(
        name="adb_server_list",
        read=read_server_list,
        seeds=lambda: [b"OKAY" + sized(_DEVICES), b"OKAY0000", b"FAIL" + sized(b"no devices")],
        regressions=lambda: [
            b"OKAY" + sized(b"0123456789ABCDEF       device usb:1-2 transport_id:" + LONG)
        ],
        largest=1 << 16,
    ),
    FuzzTarget(
        name="adb_server_service",
        read=read_server_service,
        seeds=lambda: [
            b"OKAY" + sized(b"shell_v2,cmd") + b"OKAYOKAY" + packet(STDOUT, b"a\n"),
            b"OKAY" + sized(b"cmd") + b"OKAYFAIL" + sized(b"closed"),
        ],
    ),
    FuzzTarget(name="adb_shell", read=read_shell, seeds=_shell_seeds),
    FuzzTarget(
        name="adb_marked_shell",
        read=read_marked_shell,
        regressions=lambda: [b"\5%s s %s\n" % (MARK, LONG)],
        seeds=lambda: [b"\x05one\ntwo\n%s e warning\n%s s 3\n%s x\n" % (MARK, MARK, MARK)],
        largest=1 << 13,
    ),
    FuzzTarget(
        name="adb_server_place",
        read=read_server_place,
        regressions=lambda: [LONG, b"tcp:host:" + LONG, b"vsock:1:" + LONG],
        seeds=lambda: [b"tcp:host:5037", b"localfilesystem:/run/adb", b"vsock:2:5037", b"5038"],
        largest=1 << 13,
    ),
    FuzzTarget(name="adb_sync", read=read_sync, seeds=_sync_seeds),
    FuzzTarget(
        name="adb_hashes", read=read_hashes, seeds=lambda: [b"sha256sum\nmd5sum\n", _HASHES]
    ),
    FuzzTarget(
        name="adb_address",
        read=read_address,
        seeds=lambda: [b"adb:0123456789ABCDEF", b"adb:192.0.2.7:5555", b"adb:[::1]:5555"],
    ),
)
