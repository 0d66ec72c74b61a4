"""A running adb server, played by a few lines: phones listed, chosen, and gone."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest

from bench.adb.address import Address
from bench.adb.connection import AdbConnection
from bench.adb.errors import UnauthorizedError
from bench.adb.found import FoundPhone, found_phones
from bench.adb.server import Listed, ServerLink, listed, parse_listed, server_port
from bench.adb.shell import EXIT, STDOUT, packet
from bench.errors import DeviceError, DeviceLostError

DEVICES = (
    b"R58M1\x20\x20device usb:1-1 product:greatlte model:SM_N950F device:greatlte transport_id:1\n"
    b"0A1B2\x20\x20unauthorized usb:1-2 transport_id:2\n"
    b"FFFF3\x20\x20offline transport_id:3\n"
    b"EEEE4\x20\x20no permissions; see [somewhere]; usb:1-4\n"
)


def sized(data: bytes) -> bytes:
    return b"%04x" % len(data) + data


ANSWERS = {
    "host:devices-l": b"OKAY" + sized(DEVICES),
    "host-serial:R58M1:features": b"OKAY" + sized(b"shell_v2,cmd"),
    "host:transport:R58M1": b"OKAY",
    "shell,v2,raw:echo 'a b'": b"OKAY" + packet(STDOUT, b"a b\n") + packet(EXIT, b"\0"),
    "shell,v2,raw:gone": b"OKAY" + packet(STDOUT, b"half"),
}


class Server:
    """Answers each request as told, and unknown ones with FAIL."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = dict(answers)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(ConnectionError), connection, connection.makefile("rb") as said:
            while size := said.read(4):
                request = said.read(int(size, 16)).decode()
                failed = b"FAIL" + sized(f"unknown {request}".encode())
                connection.sendall(self.answers.get(request, failed))
                if request.startswith("shell"):
                    said.read(5)  # the packet that ends standard input
                    return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(ANSWERS)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(made.port))
    yield made
    made.listener.shutdown(socket.SHUT_RDWR)
    made.listener.close()


def test_phones_are_listed_with_their_states(server: Server) -> None:
    assert found_phones() == [
        FoundPhone(serial="R58M1", state="ready", model="SM N950F", via="server"),
        FoundPhone(serial="0A1B2", state="unauthorized", model=None, via="server"),
        FoundPhone(serial="FFFF3", state="offline", model=None, via="server"),
        FoundPhone(serial="EEEE4", state="no permissions", model=None, via="server"),
    ]


@pytest.mark.parametrize("line", ["", "serial", " device", "List of devices attached"])
def test_what_is_no_phone_is_not_listed(line: str) -> None:
    found = parse_listed(line)

    assert found is None or found == Listed("List", "of", None)


def test_commands_go_through_it(server: Server) -> None:
    connection = AdbConnection.connect(Address.parse("adb:R58M1"))

    done = connection.run(["echo", "a b"])

    assert (done.status, done.text) == (0, "a b")
    connection.close()


def test_a_phone_that_goes_is_lost_and_not_refused(server: Server) -> None:
    connection = AdbConnection.connect(Address.parse("adb:R58M1"))
    with pytest.raises(DeviceLostError, match="broke before its command ended"):
        connection.run(["gone"])
    server.answers["host:transport:R58M1"] = b"FAIL" + sized(b"device offline")
    with pytest.raises(DeviceLostError, match="the adb server says: device offline"):
        connection.run(["gone"])
    connection.close()


@pytest.mark.parametrize(
    ("serial", "kind", "words"),
    [
        ("0A1B2", UnauthorizedError, "confirm `Allow USB debugging"),
        ("FFFF3", DeviceError, "adb:FFFF3 is offline; plug it in again"),
        ("nobody", DeviceError, "knows no adb:nobody, but adb:0A1B2, adb:EEEE4, adb:FFFF3"),
    ],
)
def test_a_phone_that_cannot_be_used_is_told(
    server: Server, serial: str, kind: type[DeviceError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        AdbConnection.connect(Address.parse(f"adb:{serial}"))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad", b"OKAYxyz!", b"OK", b""])
def test_what_is_no_adb_server_is_told(server: Server, answer: bytes) -> None:
    server.answers["host:devices-l"] = answer
    server.answers["host-serial:R58M1:features"] = answer

    with pytest.raises(DeviceError, match=r"adb server|said nothing"):
        ServerLink("R58M1", 0.2, server.port)


def test_no_server_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert listed(port) is None
    assert server_port({}) == 5037
    assert server_port({"ANDROID_ADB_SERVER_PORT": "no"}) == 5037
    assert server_port({"ANDROID_ADB_SERVER_PORT": "5038"}) == 5038


def test_what_listens_in_a_servers_place_and_says_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.adb.server.CONNECT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(DeviceError, match=f"listens at port {port} .*adb kill-server"):
            listed(port)
