"""Command lines: of the SSH client here, and of the shell there.

Everything that reaches the remote shell is quoted here, and nowhere else.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.devices.ssh.address import SshAddress

CLIENT = "ssh"
# The user's configuration counts, except for what would let an unknown host in, ask a person, or
# change what a command's input and output mean.
_ALWAYS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "NoHostAuthenticationForLocalhost=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "EscapeChar=none",
    "LogLevel=ERROR",
)
KEEP_ALIVE_TRIES = 3  # unanswered, before a connection counts as broken
READY, END = "ofabench-ready", "ofabench-end"
# What every shell that follows POSIX passes on unchanged, and others do not.
AWKWARD = 'it\'s "$HOME" \\\\ `x` !y\nsecond line'
STATUS = b"ofabench-status "

# The shell, not the SSH client, reports the exit status: 255 is also the client's own, and one
# that a signal ended has none there. Messages of programs are parsed, so they are in English.
_REPORTED = 'LC_ALL=C; export LC_ALL; "$@"; s=$?; printf "\\n' + STATUS.decode() + '%s\\n" $s >&2'
# The first session of a connection: it ends when this process does.
_GREETING = f'printf "{READY}\\n%s\\n{END}\\n" "$1"; exec cat >/dev/null'


def master_command(
    address: SshAddress,
    socket: Path,
    config: Path | None,
    *,
    connect_s: float,
    silent_s: float,
) -> list[str]:
    """Return the command that makes a connection, shared through `socket`, and greets."""
    options = [
        *_ALWAYS,
        f"ConnectTimeout={max(1, round(connect_s))}",
        f"ServerAliveInterval={max(1, round(silent_s / KEEP_ALIVE_TRIES))}",
        f"ServerAliveCountMax={KEEP_ALIVE_TRIES}",
        "ControlMaster=yes",
        "ControlPersist=no",
        f"ControlPath={_escaped(socket)}",
    ]
    chosen = [] if config is None else ["-F", str(config)]
    greeting = shlex.join(["sh", "-c", _GREETING, "ofabench", AWKWARD])
    return [CLIENT, *chosen, *_as_options(options), *address.words(), greeting]


def session_command(socket: Path, argv: Sequence[str]) -> list[str]:
    """Return the command that runs `argv` over an existing connection, never over a new one."""
    options = [
        "BatchMode=yes",
        "LogLevel=ERROR",
        "EscapeChar=none",
        "RequestTTY=no",
        "ControlMaster=no",
        f"ControlPath={_escaped(socket)}",
        "ProxyCommand=false",  # without the shared connection there is none
    ]
    remote = shlex.join(["sh", "-c", _REPORTED, "ofabench", *argv])
    return [CLIENT, "-F", os.devnull, *_as_options(options), "--", "ofabench", remote]


def environment() -> Mapping[str, str]:
    """Return the client's environment: no window asks for a password."""
    return {**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}


def _as_options(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("-o", setting)]


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
