"""Addresses of phones: `adb:SERIAL`, as `adb devices` lists them, or `adb:HOST:PORT`.

A serial may contain any printable characters, even spaces: adb lists phones that it discovered in
the network as `adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp`. A phone without a serial is
`adb:transport_id:N`, or named by its USB port, as `adb:usb:1-4`.
"""

import re
from dataclasses import dataclass
from typing import Self

from bench.errors import InputError

PREFIX = "adb:"
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+):(?P<port>[0-9]{1,5})", re.ASCII)
_TRANSPORT_ID = re.compile(r"transport_id:[0-9]+", re.ASCII)
NO_SERIAL = "(no serial number)"  # what adb lists for a phone without a serial
FORMS = "adb:SERIAL, adb:HOST:PORT or adb:transport_id:N"


@dataclass(frozen=True, slots=True)
class Address:
    """A phone: by its serial number, or over TCP by host and port."""

    serial: str  # as a server names it; HOST:PORT over TCP; or transport_id:N
    host: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a user's text; `InputError` if it is not an address."""
        rest = text.removeprefix(PREFIX)
        listing = "`ofabench devices` lists those that are there"
        if text == rest or not rest.isprintable() or rest != rest.strip() or not rest:
            raise InputError(f"phone is {text!r}, expected {FORMS}; {listing}")
        if rest == NO_SERIAL:
            raise InputError(
                f"phone is {text!r}, which is not unique; use its transport id: {listing}"
            )
        if _TRANSPORT_ID.fullmatch(rest):
            return cls(rest)
        match = _HOST_PORT.fullmatch(rest)
        if match is None:
            return cls(rest)
        if not 0 < int(match["port"]) < 1 << 16:
            raise InputError(f"phone is {text!r}, expected {FORMS}, a port from 1 to 65535")
        return cls(rest, match["host"].strip("[]"), int(match["port"]))

    def __str__(self) -> str:
        return PREFIX + self.serial
