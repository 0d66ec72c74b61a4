"""Addresses of phones: `adb:SERIAL`, as `adb devices` lists them, or `adb:HOST:PORT`.

A serial may hold anything that can be printed, spaces too: adb lists phones that it found in the
network as `adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp`. A phone without a serial of its own is
`adb:transport_id:N`, or named by where it is plugged in, as `adb:usb:1-4`.
"""

import re
from dataclasses import dataclass
from typing import Self

from bench.errors import InputError

PREFIX = "adb:"
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+):(?P<port>[0-9]{1,5})", re.ASCII)
_TRANSPORT_ID = re.compile(r"transport_id:[0-9]+", re.ASCII)
NO_SERIAL = "(no serial number)"  # what adb lists in place of one
FORMS = "adb:SERIAL, adb:HOST:PORT or adb:transport_id:N"


@dataclass(frozen=True, slots=True)
class Address:
    """A phone: by its serial number, or over TCP by host and port."""

    serial: str  # as a server names it; HOST:PORT for one over TCP; or transport_id:N
    host: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a user typed; `InputError` where it is no address."""
        rest = text.removeprefix(PREFIX)
        listing = "`ofabench devices` lists those that are there"
        if text == rest or not rest.isprintable() or rest != rest.strip() or not rest:
            raise InputError(f"phone is {text!r}, expected {FORMS}; {listing}")
        if rest == NO_SERIAL:
            raise InputError(
                f"phone is {text!r}, which names none; use its transport id: {listing}"
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
