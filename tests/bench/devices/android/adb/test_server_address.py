"""Address of the adb server: every form that `adb` accepts, and their precedence."""

import socket
import sys
from pathlib import Path

import pytest

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection, Timeouts
from bench.devices.android.adb.discovery import discover_phones
from bench.devices.android.adb.server import listed
from bench.devices.android.adb.server_address import ServerAddress, server_address
from bench.errors import DeviceError, InputError
from ofabench.cli.main import main
from tests.bench.devices.android.adb.test_server import ANSWERS, Server

A, S, P = "ANDROID_ADB_SERVER_ADDRESS", "ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_PORT"


# Addresses to which `adb` 29.0.6 connects, by a trace of its system calls.
@pytest.mark.parametrize(
    ("environment", "kind", "host", "port"),
    [
        ({}, "tcp", "", 5037),
        ({P: ""}, "tcp", "", 5037),
        ({P: "5038"}, "tcp", "", 5038),
        ({P: "0x13ff"}, "tcp", "", 5119),
        ({A: "127.0.0.1"}, "tcp", "127.0.0.1", 5037),
        ({A: "[::1]", P: "5099"}, "tcp", "::1", 5099),
        ({A: "::1"}, "tcp", "::1:5037", 5555),
        ({A: "host.docker.internal", P: "5099"}, "tcp", "host.docker.internal", 5099),
        ({S: "tcp:5099", A: "192.0.2.1", P: "no"}, "tcp", "", 5099),
        ({S: "tcp:127.0.0.2:5098"}, "tcp", "127.0.0.2", 5098),
        ({S: "tcp:localhost"}, "tcp", "localhost", 5555),
        ({S: "tcp:[2001:db8::1]:5037"}, "tcp", "2001:db8::1", 5037),
        ({S: "localfilesystem:/tmp/none.sock", P: "1"}, "file", "/tmp/none.sock", 0),
        ({S: "local:/tmp/none.sock"}, "file", "/tmp/none.sock", 0),
        ({S: "vsock:2:5037"}, "vsock", "2", 5037),
    ],
)
def test_the_address_is_the_one_that_adb_uses(
    environment: dict[str, str], kind: str, host: str, port: int
) -> None:
    result = server_address(environment)

    assert (result.kind, result.host, result.port) == (kind, host, port)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({S: ""}, "ADB_SERVER_SOCKET is '', expected tcp:PORT, tcp:HOST:PORT, localfilesystem:"),
        ({S: "foo:1"}, "ADB_SERVER_SOCKET is 'foo:1'"),
        ({S: "tcp:99999"}, "ADB_SERVER_SOCKET makes the server's address 'tcp:99999'"),
        ({S: "tcp:[::1]"}, r"'tcp:\[::1\]'"),
        ({S: "tcp:"}, "'tcp:'"),
        ({S: "vsock:2"}, "'vsock:2'"),
        ({S: "vsock:4294967296:1"}, "'vsock:4294967296:1'"),  # beyond 32 bits
        ({A: ""}, "ANDROID_ADB_SERVER_ADDRESS makes the server's address 'tcp::5037'"),
        ({P: "no"}, "ANDROID_ADB_SERVER_PORT is 'no', expected a number from 1 to 65535"),
        ({P: "0"}, "ANDROID_ADB_SERVER_PORT is '0'"),
        ({P: "70000", A: "127.0.0.1"}, "ANDROID_ADB_SERVER_PORT is '70000'"),
    ],
)
def test_addresses_that_adb_refuses_are_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        server_address(environment)


def test_only_a_server_of_another_machine_is_remote() -> None:
    local = ("tcp:5037", "tcp:localhost:5037", "localfilesystem:/x")
    others = ("tcp:127.0.0.1:5037", "tcp:192.0.2.1:5037", "vsock:2:5037")

    assert not any(ServerAddress.parse(text).elsewhere for text in local)
    assert all(ServerAddress.parse(text).elsewhere for text in others)


def test_phones_of_a_remote_server_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(ANSWERS)
    monkeypatch.setenv(A, "127.0.0.1")
    monkeypatch.setenv(P, str(server.port))

    assert discover_phones()[0].address == "adb:R58M1"
    server.close()


@pytest.mark.parametrize("kind", ["localfilesystem", "localabstract"])
def test_a_server_on_a_unix_socket_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "localabstract" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux has abstract sockets")
    name = str(tmp_path / "adb.sock")
    server = Server(ANSWERS, "\0" * (kind == "localabstract") + name)
    monkeypatch.setenv(S, f"{kind}:{name}")
    monkeypatch.setenv(P, "1")

    connection = AdbConnection.connect(Address.parse("adb:R58M1"))

    assert connection.run(["echo", "a b"]).text == "a b"
    connection.close()
    server.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_remote_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"tcp:127.0.0.1:{closed_port()}"
    monkeypatch.setenv(S, place)

    assert listed() is None
    with pytest.raises(DeviceError, match=f"no adb server answers at {place} .*ADB_SERVER_SOCKET"):
        discover_phones()
    with pytest.raises(DeviceError, match=f"no adb server answers at {place}"):
        AdbConnection.connect(Address.parse("adb:R58M1"), timeouts=Timeouts(connect_s=1.0))


@pytest.mark.parametrize("place", ["nonsense", "tcp:127.0.0.1:{port}"])
def test_other_devices_are_listed_where_phones_cannot_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    monkeypatch.setenv(S, place.format(port=closed_port()))

    assert main(["devices"]) == 0

    printed = capsys.readouterr()
    assert printed.out.startswith("cpu ")
    assert printed.err.startswith("ofabench: phones are not listed: ")
    assert len(printed.err.splitlines()) == 1
