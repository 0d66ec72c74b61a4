"""Addresses of phones: `adb:SERIAL`, as `adb devices` lists them, or `adb:HOST:PORT`."""

import re
from dataclasses import dataclass
from typing import Self

from bench.errors import InputError

PREFIX = "adb:"
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+):(?P<port>[0-9]{1,5})", re.ASCII)
_SERIAL = re.compile(r"[\w.:-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """A phone: by its serial number, or over TCP by host and port."""

    serial: str  # as a server names it; HOST:PORT for one over TCP
    host: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a user typed; `InputError` where it is no address."""
        rest = text.removeprefix(PREFIX)
        if text == rest or not rest:
            raise InputError(f"phone is {text!r}, expected adb:SERIAL or adb:HOST:PORT")
        match = _HOST_PORT.fullmatch(rest)
        if match is not None and 0 < int(match["port"]) < 1 << 16:
            return cls(rest, match["host"].strip("[]"), int(match["port"]))
        if match is not None or not _SERIAL.fullmatch(rest):
            raise InputError(
                f"phone is {text!r}, expected adb:SERIAL or adb:HOST:PORT; "
                "`ofabench devices` lists those that are there"
            )
        return cls(rest)

    def __str__(self) -> str:
        return PREFIX + self.serial
