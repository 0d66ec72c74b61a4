"""A running adb server, which holds the phones on USB at most desks (AOSP, adb's SERVICES.TXT)."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from bench.adb.link import split_features
from bench.adb.wire import lost
from bench.errors import DeviceError, DeviceLostError

PORT = 5037
CONNECT_S = 2.0
_READ_BYTES = 1 << 16
STATES = {"device": "ready", "no": "no permissions", "unauthorized": "unauthorized"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A phone as a server lists it; `state` is ready, unauthorized, offline and so on."""

    serial: str
    state: str
    model: str | None


def server_port(environment: Mapping[str, str] = os.environ) -> int:
    """Return where a server listens: as `adb` itself has it."""
    text = environment.get("ANDROID_ADB_SERVER_PORT", "")
    return int(text) if text.isdecimal() and 0 < int(text) < 1 << 16 else PORT


def listed(port: int | None = None) -> list[Listed] | None:
    """Ask a server for its phones; None where none runs. It is never started from here.

    `DeviceError` where something listens there and does not answer as a server does.
    """
    try:
        connection = _connect(port)
    except DeviceError:
        return None
    with connection:
        try:
            _ask(connection, "host:devices-l", CONNECT_S)
            lines = _sized(connection, CONNECT_S).decode("utf-8", "replace").splitlines()
        except DeviceLostError as error:
            raise DeviceError(
                f"what listens at port {port or server_port()} does not answer as an adb server; "
                "restart it by `adb kill-server` and `adb start-server`, or name another port by "
                "ANDROID_ADB_SERVER_PORT"
            ) from error
    return [found for line in lines if (found := parse_listed(line)) is not None]


def parse_listed(line: str) -> Listed | None:
    """Read one line of `host:devices-l`; None where it is none."""
    serial, _, rest = line.partition(" ")
    words = rest.split()
    if not serial or not words:
        return None
    pairs = dict(word.split(":", 1) for word in words[1:] if ":" in word)
    model = pairs.get("model", "").replace("_", " ") or None
    return Listed(serial, STATES.get(words[0], words[0]), model)


class ServerLink:
    """A link through a server; every stream is a connection of its own to it."""

    def __init__(self, serial: str, timeout_s: float, port: int | None = None) -> None:
        self._serial, self._port = serial, port
        self._streams: list[ServerStream] = []
        with _connect(port) as connection:
            _ask(connection, f"host-serial:{serial}:features", timeout_s)
            self.features = split_features(_sized(connection, timeout_s).decode("utf-8", "replace"))

    def open(self, service: str, timeout_s: float) -> "ServerStream":
        """Open a service; `DeviceError` in the server's words where it cannot."""
        connection = _connect(self._port)
        try:
            self._choose(connection, timeout_s)
            _ask(connection, service, timeout_s)
        except DeviceError:
            connection.close()
            raise
        stream = ServerStream(connection)
        self._streams.append(stream)
        return stream

    def _choose(self, connection: socket.socket, timeout_s: float) -> None:
        """Bind a connection to the phone; it was there before, and may come back."""
        try:
            _ask(connection, f"host:transport:{self._serial}", timeout_s)
        except DeviceLostError:
            raise
        except DeviceError as error:
            raise DeviceLostError(str(error)) from error

    def close(self) -> None:
        """Close every stream."""
        for stream in self._streams:
            stream.close()
        self._streams.clear()


class ServerStream:
    """One service through a server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._closed = False

    def read(self, timeout_s: float) -> bytes:
        """Return the next bytes, b"" at the end; a phone that is gone looks like one."""
        if self._closed:
            return b""
        return _receive(self._connection, _READ_BYTES, timeout_s)

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`."""
        _send(self._connection, data, timeout_s)

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self._connection.close()


def _connect(port: int | None) -> socket.socket:
    place = ("127.0.0.1", port or server_port())
    try:
        connection = socket.create_connection(place, timeout=CONNECT_S)
    except OSError as error:
        raise DeviceError(
            f"no adb server answers at port {place[1]} ({error.strerror or error}); "
            "start one by `adb start-server`"
        ) from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(connection: socket.socket, request: str, timeout_s: float) -> None:
    """Send a request; `DeviceError` with the server's reason where it fails."""
    text = request.encode()
    _send(connection, b"%04x" % len(text) + text, timeout_s)
    answer = _exactly(connection, 4, timeout_s)
    if answer == b"FAIL":
        reason = _sized(connection, timeout_s).decode("utf-8", "replace")
        raise DeviceError(f"the adb server says: {' '.join(reason.split())}")
    if answer != b"OKAY":
        raise DeviceError(f"what answers as an adb server says {answer!r}; is it one?")


def _sized(connection: socket.socket, timeout_s: float) -> bytes:
    size = _exactly(connection, 4, timeout_s)
    try:
        return _exactly(connection, int(size, 16), timeout_s)
    except ValueError as error:
        raise DeviceError(f"what answers as an adb server says {size!r}; is it one?") from error


def _exactly(connection: socket.socket, count: int, timeout_s: float) -> bytes:
    found = b""
    while len(found) < count:
        more = _receive(connection, count - len(found), timeout_s)
        if not more:
            raise DeviceLostError("the adb server closed the connection")
        found += more
    return found


def _receive(connection: socket.socket, most: int, timeout_s: float) -> bytes:
    connection.settimeout(timeout_s)
    try:
        return connection.recv(most)
    except TimeoutError as error:
        raise DeviceLostError(f"the phone said nothing for {timeout_s:g} s") from error
    except OSError as error:
        raise lost(error) from error


def _send(connection: socket.socket, data: bytes, timeout_s: float) -> None:
    connection.settimeout(timeout_s)
    try:
        connection.sendall(data)
    except TimeoutError as error:
        raise DeviceLostError(f"the phone took nothing for {timeout_s:g} s") from error
    except OSError as error:
        raise lost(error) from error
