"""What OpenSSH's client prints when it fails, as one line that says what to do."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from bench.devices.remote.connection import UnauthorizedError
from bench.devices.ssh.address import SshAddress
from bench.errors import DeviceError, DeviceLostError, InputError, OfabenchError


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLogin:
    """A connection that was not made.

    Attributes:
        address: of the machine.
        printed: by the SSH client, its standard error.
        config: the configuration file that replaces the user's.
    """

    address: SshAddress
    printed: str
    config: Path | None = None

    def error(self) -> OfabenchError:
        """Return the error for the user.

        `UnauthorizedError` and `InputError` where another try cannot succeed before a person acts.
        """
        # The server takes part in what is printed: nothing in it may control a terminal.
        printed = "".join(sign if sign.isprintable() else "\n" for sign in self.printed)
        for pattern, kind, template in _FAILURES:
            match = pattern.search(printed)
            if match is not None:
                return kind(template.format(**self._fields(printed, match)))
        return DeviceError(f"ssh cannot connect to {self.address}: {last_line(printed)}")

    def _fields(self, printed: str, match: re.Match[str]) -> dict[str, str]:
        config = "" if self.config is None else f"-F {shlex.quote(str(self.config))} "
        methods = re.search(r"Permission denied \(([\w,-]+)\)", printed)
        entry = re.search(r"Offending \S+ key in (.+):(\d+)", printed)
        return {
            "address": str(self.address),
            "host": self.address.host,
            "login": config + self.address.destination,
            "accepts": f" (it accepts {methods[1]})" if methods else "",
            "entry": f"line {entry[2]} of {entry[1]}" if entry else "its line in known_hosts",
            "matched": _line_of(match),
            "last": last_line(printed),
        }


def last_line(printed: str) -> str:
    """Return the last line of a program's output, which has its reason, in at most 200 characters.

    The client's own name at its beginning is left out.
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return lines[-1].removeprefix("ssh: ")[:200] if lines else "it printed no reason"


def _line_of(match: re.Match[str]) -> str:
    text, start = match.string, match.string.rfind("\n", 0, match.start()) + 1
    return text[start:].splitlines()[0].strip()[:200]


# The first that matches counts: a changed key is reported beside `verification failed`.
_FAILURES: tuple[tuple[re.Pattern[str], type[OfabenchError], str], ...] = (
    (
        re.compile(r"HOST IDENTIFICATION HAS CHANGED"),
        UnauthorizedError,
        "the host key of {address} is not the known one: another machine may answer in its place. "
        "If it was set up again, remove {entry}, run `ssh {login}` once, and compare the "
        "fingerprint before you accept it",
    ),
    (
        re.compile(r"Host key verification failed"),
        UnauthorizedError,
        "the host key of {address} is not known yet: run `ssh {login}` once, and compare the "
        "fingerprint before you accept it",
    ),
    (
        re.compile(r"Permission denied|Too many authentication failures"),
        UnauthorizedError,
        "{address} does not accept your key{accepts}: run `ssh-copy-id {login}`, or `ssh-add` if "
        "your key has a passphrase; ofabench never asks for passwords",
    ),
    (
        re.compile(r"Connection refused"),
        DeviceError,
        "{address} refuses connections: start its SSH server there (Debian: sudo apt-get install "
        "openssh-server), or give its port as ssh:USER@HOST:PORT",
    ),
    (
        re.compile(r"Could not resolve hostname"),
        DeviceError,
        "the name {host} is not known in this network: give its IP address, or add a Host entry "
        "to ~/.ssh/config",
    ),
    (
        re.compile(r"No route to host|Network is unreachable|timed out"),
        DeviceError,
        "{address} cannot be reached ({last}): is it on, and in this network?",
    ),
    (
        re.compile(
            r"[Bb]ad configuration option|Bad owner or permissions|Can't open user config|"
            r"[Mm]issing argument|no argument after keyword|[Uu]nsupported option"
        ),
        InputError,
        "ssh does not accept its configuration: {matched}",
    ),
    (
        re.compile(r"Unable to negotiate"),
        UnauthorizedError,
        "{address} and this machine's ssh have no algorithm in common: {last}; allow one for this "
        "host in ~/.ssh/config",
    ),
    (
        re.compile(r"Connection (reset|closed)|kex_exchange|Broken pipe"),
        DeviceLostError,
        "{address} ended the connection: {last}",
    ),
)
