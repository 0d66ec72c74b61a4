"""Address of the adb server, from the environment as `adb` reads it (AOSP, commandline.cpp).

`ADB_SERVER_SOCKET` comes first, as a whole; without it `ANDROID_ADB_SERVER_ADDRESS` and
`ANDROID_ADB_SERVER_PORT` make `tcp:ADDRESS:PORT`; the default is `tcp:5037`.
"""

import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bench.errors import DeviceError, InputError, one_line

PORT = 5037
PORT_LEFT_OUT = 5555  # adb's default for tcp:HOST
SOCKET, ADDRESS, PORT_NAME = (
    "ADB_SERVER_SOCKET",
    "ANDROID_ADB_SERVER_ADDRESS",
    "ANDROID_ADB_SERVER_PORT",
)
FORMS = "tcp:PORT, tcp:HOST:PORT, localfilesystem:PATH, localabstract:NAME or vsock:CID:PORT"
_FILE_KINDS = ("localfilesystem", "local")
# More digits than any port has, and fewer than Python refuses to parse.
_INTEGER = re.compile(r"\s*[+-]?(?:0[xX][0-9A-Fa-f]{1,99}|[0-9]{1,99})", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?[0-9]{1,99}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,10}", re.ASCII)
_BRACKETED = re.compile(r"\[(?P<host>[^\]]*)\]:(?P<port>.*)")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Address of a server; `text` is how adb writes it.

    `kind` is tcp, file (a Unix socket's path in `host`), abstract (its name) or vsock. An empty
    `host` is this machine.
    """

    text: str
    kind: str
    host: str
    port: int = 0

    @classmethod
    def parse(cls, text: str, source: str = SOCKET) -> Self:
        """Parse a socket specification; `InputError` with its `source` if adb would refuse it.

        adb itself reports a path that is too long as a missing server.
        """
        kind, colon, rest = text.partition(":")
        if colon and kind == "tcp":
            return cls(text, "tcp", *_tcp(rest, text, source))
        if colon and kind in _FILE_KINDS:
            return cls(text, "file", rest)
        if colon and kind == "localabstract" and sys.platform.startswith("linux"):
            return cls(text, "abstract", rest)
        cid, colon, port = rest.partition(":")
        if kind == "vsock" and colon and _is_word(cid) and _is_word(port) and int(port):
            return cls(text, "vsock", cid, int(port))
        raise InputError(f"{source} is {text!r}, expected {FORMS}")

    @property
    def elsewhere(self) -> bool:
        """Whether adb considers it another machine, where it would not start a server."""
        return self.kind == "vsock" or (self.kind == "tcp" and self.host not in ("", "localhost"))

    def connect(self, timeout_s: float) -> socket.socket:
        """Open a connection; `DeviceError` if no server answers."""
        try:
            return self._connect(timeout_s)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or one_line(error)
            remedy = (
                f"start it there, or correct {SOCKET} or {ADDRESS}"
                if self.elsewhere
                else "start one by `adb start-server`"
            )
            raise DeviceError(
                f"no adb server answers at {self.text} ({reason}); {remedy}"
            ) from error

    def _connect(self, timeout_s: float) -> socket.socket:
        if self.kind == "tcp":
            connection = self._connect_tcp(timeout_s)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        family, address = self._family_and_address()
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout_s)
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection

    def _connect_tcp(self, timeout_s: float) -> socket.socket:
        if self.elsewhere:
            return socket.create_connection((self.host, self.port), timeout_s)
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout_s)
        except OSError as error:
            try:
                return socket.create_connection(("::1", self.port), timeout_s)
            except OSError:
                raise error from None

    def _family_and_address(self) -> tuple[int, str | tuple[int, int]]:
        if self.kind == "vsock":
            family = getattr(socket, "AF_VSOCK", None)
            if family is None:
                raise OSError("vsock is not known on this system")
            return int(family), (int(self.host), self.port)
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("Unix sockets are not known on this system")
        return socket.AF_UNIX, "\0" * (self.kind == "abstract") + self.host


def server_address(environment: Mapping[str, str] = os.environ) -> ServerAddress:
    """Return the address of the server, from the environment.

    Raises `InputError` with the variable that adb would refuse too. An empty
    `ANDROID_ADB_SERVER_PORT` is ignored; an empty value of the others is an error.
    """
    if SOCKET in environment:
        return ServerAddress.parse(environment[SOCKET])
    port = PORT
    if text := environment.get(PORT_NAME, ""):
        port = _integer(text)
        if not 0 < port < 1 << 16:
            raise InputError(f"{PORT_NAME} is {text!r}, expected a number from 1 to 65535")
    if ADDRESS in environment:
        return ServerAddress.parse(f"tcp:{environment[ADDRESS]}:{port}", ADDRESS)
    return ServerAddress(f"tcp:{port}", "tcp", "", port)


def _is_word(text: str) -> bool:
    """Return whether the text is a number of 32 bits, as vsock's are."""
    return _COUNT.fullmatch(text) is not None and int(text) < 1 << 32


def _tcp(rest: str, text: str, source: str) -> tuple[str, int]:
    """Return host and port of `tcp:...`; see adb's ParseNetAddress."""
    if _INTEGER.fullmatch(rest):
        host, port = "", _integer(rest)
    elif (match := _BRACKETED.fullmatch(rest)) is not None:
        host, port = match["host"], _leading(match["port"])
    elif rest.startswith("["):
        host, port = "", 0
    elif "." not in rest and 2 <= rest.count(":") <= 7:  # an IPv6 address alone
        host, port = rest, PORT_LEFT_OUT
    elif rest.count(":") > 1:
        host, port = "", 0
    else:
        host, colon, digits = rest.partition(":")
        port = (_leading(digits) if colon else PORT_LEFT_OUT) if host else 0
    if not 0 < port < 1 << 16:
        raise InputError(f"{source} makes the server's address {text!r}, expected {FORMS}")
    return host, port


def _integer(text: str) -> int:
    """Return the number that adb parses in decimal or as 0x...; 0, an invalid port, for others."""
    return int(text, 16 if "x" in text.lower() else 10) if _INTEGER.fullmatch(text) else 0


def _leading(text: str) -> int:
    """Return the decimal number at the beginning of `text`; 0 if there is none."""
    match = _DECIMAL.match(text)
    return 0 if match is None else int(match[0])
