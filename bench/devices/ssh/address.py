"""Addresses of boards and servers: `ssh:[user@]host[:port]`."""

import re
from dataclasses import dataclass
from typing import Self

from bench.errors import InputError
from bench.integers import parse_integer

PREFIX = "ssh:"
# Neither may begin with a dash: the SSH client would read it as an option.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.$\\-]{0,63}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,32})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SshAddress:
    """A machine and a user on it; None for what the user's SSH configuration says.

    `host` may be an alias of that configuration.
    """

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `ssh:[user@]host[:port]`, `ssh:[user@][IPv6][:port]`; `InputError` for others."""
        rest = text.removeprefix(PREFIX)
        user, at, place = rest.rpartition("@")
        if place.startswith("["):
            host, closed, tail = place[1:].partition("]")
            colon, port_text = tail[:1], tail[1:]
            valid = bool(closed) and colon in ("", ":") and _IPV6.fullmatch(host) is not None
        else:
            host, colon, port_text = place.partition(":")
            valid = _HOST.fullmatch(host) is not None
        port = parse_integer(port_text, minimum=1) if colon else None
        valid = valid and (not at or _USER.fullmatch(user) is not None)
        valid = valid and (not colon or (port is not None and port < 65536))
        if not (text.startswith(PREFIX) and valid):
            raise InputError(
                f"address is {text!r:.100}, expected ssh:USER@HOST, ssh:HOST, with :PORT where it "
                "is not 22; an IPv6 address in brackets"
            )
        return cls(host, user if at else None, port)

    def words(self) -> list[str]:
        """Return it as arguments of the SSH client."""
        port = [] if self.port is None else ["-p", str(self.port)]
        return [*port, *([] if self.user is None else ["-l", self.user]), "--", self.host]

    @property
    def destination(self) -> str:
        """What users write after `ssh`, with `-p PORT` before it where one is given."""
        port = "" if self.port is None else f"-p {self.port} "
        return port + ("" if self.user is None else f"{self.user}@") + self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = "" if self.user is None else f"{self.user}@"
        return f"{PREFIX}{user}{host}" + ("" if self.port is None else f":{self.port}")
