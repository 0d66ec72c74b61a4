"""A simulated adb server: phones are listed, chosen and disconnected."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection
from bench.devices.android.adb.discovery import DiscoveredPhone, discover_phones
from bench.devices.android.adb.listing import ListedPhone, find, name_of, parse_listed
from bench.devices.android.adb.server import ServerLink, listed
from bench.devices.android.adb.server_address import ServerAddress
from bench.devices.android.adb.shell import EXIT, STDOUT, packet
from bench.devices.remote.connection import UnauthorizedError
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
    """Server with given answers, FAIL for unknown requests; over TCP, or on `path`."""

    def __init__(self, answers: Mapping[str, bytes], path: str | None = None) -> None:
        self.answers = dict(answers)
        self.requests: list[str] = []
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(ConnectionError), connection, connection.makefile("rb") as stream:
            while size := stream.read(4):
                request = stream.read(int(size, 16)).decode()
                self.requests.append(request)
                failed = b"FAIL" + sized(f"unknown {request}".encode())
                connection.sendall(self.answers.get(request, failed))
                if request.startswith("shell"):
                    stream.read(5)  # the packet that ends standard input
                    return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(ANSWERS)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(made.port))
    yield made
    made.close()


def test_phones_are_listed_with_their_states(server: Server) -> None:
    assert discover_phones() == [
        DiscoveredPhone(name="R58M1", state="ready", model="SM N950F", via="server"),
        DiscoveredPhone(name="0A1B2", state="unauthorized", model=None, via="server"),
        DiscoveredPhone(name="FFFF3", state="offline", model=None, via="server"),
        DiscoveredPhone(name="EEEE4", state="no permissions", model=None, via="server"),
    ]


def test_commands_run_through_the_server(server: Server) -> None:
    connection = AdbConnection.connect(Address.parse("adb:R58M1"))

    done = connection.run(["echo", "a b"])

    assert (done.status, done.text) == (0, "a b")
    connection.close()


def test_a_disconnected_phone_is_lost(server: Server) -> None:
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
def test_an_unusable_phone_is_an_error(
    server: Server, serial: str, kind: type[DeviceError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        AdbConnection.connect(Address.parse(f"adb:{serial}"))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad", b"OKAYxyz!", b"OK", b""])
def test_a_service_that_is_not_an_adb_server_is_an_error(server: Server, answer: bytes) -> None:
    server.answers["host:devices-l"] = answer
    server.answers["host-serial:R58M1:features"] = answer

    with pytest.raises(DeviceError, match=r"adb server|sent nothing"):
        ServerLink(ListedPhone(serial="R58M1", state="ready"), 0.2)


def test_without_a_server_there_is_no_list() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert listed(ServerAddress.parse(f"tcp:{port}")) is None


def test_a_silent_service_at_the_servers_port_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.devices.android.adb.server.CONNECT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"tcp:{silent.getsockname()[1]}"

        with pytest.raises(DeviceError, match=f"listens at {place} .*adb kill-server"):
            listed(ServerAddress.parse(place))


TWINS = (
    b"0123456789ABCDEF       device usb:1-1 product:a model:A device:a transport_id:4\n"
    b"0123456789ABCDEF       device usb:1-2 product:a model:A device:a transport_id:5\n"
    b"(no serial number)     device usb:1-3 product:b model:B device:b transport_id:6\n"
    b"adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp device product:c model:C device:c "
    b"transport_id:7\n"
)
ECHO = b"OKAY" + packet(STDOUT, b"here\n") + packet(EXIT, b"\0")


def answers_for(number: int) -> dict[str, bytes]:
    return {
        f"host-transport-id:{number}:features": b"OKAY" + sized(b"shell_v2"),
        f"host:transport-id:{number}": b"OKAY",
        "shell,v2,raw:echo here": ECHO,
    }


def test_phones_without_a_unique_serial_are_listed_by_transport_id(server: Server) -> None:
    server.answers["host:devices-l"] = b"OKAY" + sized(TWINS)

    assert [discover_phone.address for discover_phone in discover_phones()] == [
        "adb:transport_id:4",
        "adb:transport_id:5",
        "adb:transport_id:6",
        "adb:adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp",
    ]


@pytest.mark.parametrize(
    ("address", "number"),
    [("adb:transport_id:5", 5), ("adb:usb:1-2", 5), ("adb:transport_id:6", 6)],
)
def test_a_phone_is_addressed_by_its_transport_id(
    server: Server, address: str, number: int
) -> None:
    server.answers = {"host:devices-l": b"OKAY" + sized(TWINS), **answers_for(number)}

    connection = AdbConnection.connect(Address.parse(address))

    assert connection.run(["echo", "here"]).text == "here"
    connection.close()


def test_a_serial_may_contain_spaces(server: Server) -> None:
    serial = "adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp"
    server.answers = {
        "host:devices-l": b"OKAY" + sized(TWINS),
        f"host-serial:{serial}:features": b"OKAY" + sized(b"shell_v2"),
        f"host:transport:{serial}": b"OKAY",
        "shell,v2,raw:echo here": ECHO,
    }

    connection = AdbConnection.connect(Address.parse(f"adb:{serial}"))

    assert connection.run(["echo", "here"]).text == "here"
    connection.close()


def test_a_serial_shared_by_two_phones_is_ambiguous(server: Server) -> None:
    server.answers["host:devices-l"] = b"OKAY" + sized(TWINS)

    with pytest.raises(DeviceError, match=r"2 phones .*: adb:transport_id:4 \(usb:1-1\), adb:tr"):
        AdbConnection.connect(Address.parse("adb:0123456789ABCDEF"))


def test_a_phone_plugged_in_again_is_reached_by_its_new_transport_id(
    server: Server,
) -> None:
    server.answers = {"host:devices-l": b"OKAY" + sized(TWINS), **answers_for(6)}
    connection = AdbConnection.connect(Address.parse("adb:transport_id:6"))
    after = TWINS.replace(b"transport_id:6", b"transport_id:9")
    server.answers = {"host:devices-l": b"OKAY" + sized(after), **answers_for(9)}

    connection.reconnect()

    assert connection.run(["echo", "here"]).text == "here"
    connection.close()


LINES = [
    (
        "R58M123ABC             device usb:1-1 product:greatlte model:SM_N950F device:greatlte "
        "transport_id:1",
        ListedPhone(
            serial="R58M123ABC", state="ready", model="SM N950F", path="usb:1-1", transport_id=1
        ),
    ),
    (
        "adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp device product:p model:M_1 device:d "
        "transport_id:12",
        ListedPhone(
            serial="adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp",
            state="ready",
            model="M 1",
            transport_id=12,
        ),
    ),
    (
        "adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp offline transport_id:3",
        ListedPhone(
            serial="adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp", state="offline", transport_id=3
        ),
    ),
    (
        "(no serial number)     unauthorized usb:3-2 transport_id:4",
        ListedPhone(serial="", state="unauthorized", path="usb:3-2", transport_id=4),
    ),
    (
        "(no serial number)     no permissions (user in plugdev group; are your udev rules wrong?)"
        "; see [http://developer.android.com/tools/device.html] usb:1-4 transport_id:5",
        ListedPhone(serial="", state="no permissions", path="usb:1-4", transport_id=5),
    ),
    (
        "A+B#C                  recovery usb:1-5 transport_id:6",
        ListedPhone(serial="A+B#C", state="recovery", path="usb:1-5", transport_id=6),
    ),
    (  # a state's name within a serial, and within a product's name
        "my device              device usb:1-6 product:the device x model:M device:d "
        "transport_id:7",
        ListedPhone(serial="my device", state="ready", model="M", path="usb:1-6", transport_id=7),
    ),
    (
        "transport_id:1         device usb:1-7 transport_id:8",
        ListedPhone(serial="transport_id:1", state="ready", path="usb:1-7", transport_id=8),
    ),
    (
        "192.0.2.7:5555         device product:p model:M device:d transport_id:9",
        ListedPhone(serial="192.0.2.7:5555", state="ready", model="M", transport_id=9),
    ),
    ("R58M123ABC             device", ListedPhone(serial="R58M123ABC", state="ready")),  # of 2015
    (  # an unknown state
        "R58M123ABC             dreaming usb:1-8 transport_id:10",
        ListedPhone(serial="R58M123ABC", state="dreaming", path="usb:1-8", transport_id=10),
    ),
    ("", None),
    ("serial", None),
    (" device", None),
    ("List of devices attached", None),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_lines_of_the_list_are_parsed_from_the_end(line: str, expected: ListedPhone | None) -> None:
    assert parse_listed(line) == expected


def test_a_disconnected_phone_is_not_replaced_by_another() -> None:
    here = ListedPhone(serial="", state="ready", path="usb:1-1", transport_id=2)
    other = ListedPhone(serial="", state="ready", path="usb:1-2", transport_id=3)

    assert find("transport_id:1", [here, other], None) is None
    assert find("transport_id:1", [here, other], replace(here, transport_id=1)) is here
    assert find("transport_id:1", [other], replace(here, transport_id=1)) is None
    assert name_of(replace(here, transport_id=None), [here]) == "(no serial number)"
