"""A running adb server, which usually holds the phones on USB (AOSP, adb's SERVICES.TXT)."""

import socket

from bench.devices.android.adb.link import split_features
from bench.devices.android.adb.listing import ListedPhone, parse_listed
from bench.devices.android.adb.server_address import (
    ADDRESS,
    PORT_NAME,
    SOCKET,
    ServerAddress,
    server_address,
)
from bench.devices.android.adb.wire import lost
from bench.errors import DeviceError, DeviceLostError

CONNECT_S = 2.0
_READ_BYTES = 1 << 16


def listed(place: ServerAddress | None = None) -> list[ListedPhone] | None:
    """Ask a server for its phones; None if none runs. A server is never started here.

    Raises `InputError` if the environment names an address that adb would refuse; `DeviceError` if
    the address does not answer as a server does.
    """
    place = place or server_address()
    try:
        connection = place.connect(CONNECT_S)
    except DeviceError:
        return None
    with connection:
        try:
            _ask(connection, "host:devices-l", CONNECT_S)
            lines = _sized(connection, CONNECT_S).decode("utf-8", "replace").split("\n")
        except DeviceLostError as error:
            raise DeviceError(
                f"what listens at {place.text} does not answer as an adb server; restart it by "
                f"`adb kill-server` and `adb start-server`, or name another by {SOCKET}, "
                f"{ADDRESS} or {PORT_NAME}"
            ) from error
    return [phone for line in lines if (phone := parse_listed(line)) is not None]


class ServerLink:
    """A link through a server; every stream is a separate connection to it."""

    def __init__(
        self,
        phone: ListedPhone,
        timeout_s: float,
        place: ServerAddress | None = None,
        *,
        by_serial: bool = True,
    ) -> None:
        """Query the phone's features. With `by_serial` False its transport id is used."""
        self.phone = phone
        self._place = place or server_address()
        self._streams: list[ServerStream] = []
        if by_serial or phone.transport_id is None:
            self._transport, query = f"host:transport:{phone.serial}", f"host-serial:{phone.serial}"
        else:
            self._transport = f"host:transport-id:{phone.transport_id}"
            query = f"host-transport-id:{phone.transport_id}"
        with self._place.connect(CONNECT_S) as connection:
            _ask(connection, f"{query}:features", timeout_s)
            self.features = split_features(_sized(connection, timeout_s).decode("utf-8", "replace"))

    def open(self, service: str, timeout_s: float) -> "ServerStream":
        """Open a service; `DeviceError` with the server's message if it cannot."""
        connection = self._place.connect(CONNECT_S)
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
        """Bind a connection to the phone, which was present before, and may come back."""
        try:
            _ask(connection, self._transport, timeout_s)
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
        """Return the next bytes, b"" at the end, or when the phone is gone."""
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


def _ask(connection: socket.socket, request: str, timeout_s: float) -> None:
    """Send a request; `DeviceError` with the server's reason if it fails."""
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
    data = b""
    while len(data) < count:
        more = _receive(connection, count - len(data), timeout_s)
        if not more:
            raise DeviceLostError("the adb server closed the connection")
        data += more
    return data


def _receive(connection: socket.socket, most: int, timeout_s: float) -> bytes:
    connection.settimeout(timeout_s)
    try:
        return connection.recv(most)
    except TimeoutError as error:
        raise DeviceLostError(f"the phone sent nothing for {timeout_s:g} s") from error
    except OSError as error:
        raise lost(error) from error


def _send(connection: socket.socket, data: bytes, timeout_s: float) -> None:
    connection.settimeout(timeout_s)
    try:
        connection.sendall(data)
    except TimeoutError as error:
        raise DeviceLostError(f"the phone accepted nothing for {timeout_s:g} s") from error
    except OSError as error:
        raise lost(error) from error
