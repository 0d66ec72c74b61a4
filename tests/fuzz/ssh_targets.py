"""Fuzz targets of what machines over SSH, and the SSH client, say."""

import json

from bench.devices.remote.cleaning import parse_cleaning
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.board.facts import parse_facts
from bench.devices.ssh.board.state import BoardState, parse_state
from bench.devices.ssh.board.tegrastats import parse_tegrastats
from bench.devices.ssh.failures import FailedLogin
from tests.fuzz.target import FuzzTarget
from tests.support.board_texts import JETSON, PI_STATE, TEGRASTATS, XEON
from tests.support.phone_texts import script_output

CHANGED = b"Offending ED25519 key in /home/me/.ssh/known_hosts:7\nHOST IDENTIFICATION HAS CHANGED"


def text_of(data: bytes) -> str:
    return data.decode(errors="replace")


def read_facts(data: bytes) -> None:
    """Read everything queried once from a machine; it must be storable as JSON."""
    facts = parse_facts(text_of(data))
    json.dumps(facts.flat(), allow_nan=False)
    assert facts.slug()


def read_state(data: bytes) -> None:
    """Read the present state of a machine."""
    state = parse_state(text_of(data))
    json.dumps(state.flat(), allow_nan=False)
    assert "\n" not in BoardState().changes_to(state)


def read_failure(data: bytes) -> None:
    """Read what the SSH client printed; the error is always one line."""
    error = FailedLogin(address=SshAddress("board"), printed=text_of(data)).error()
    assert len(str(error).splitlines()) == 1


TARGETS = (
    FuzzTarget(
        name="board_facts",
        read=read_facts,
        seeds=lambda: [script_output(JETSON).encode(), script_output(XEON).encode()],
    ),
    FuzzTarget(
        name="board_state",
        read=read_state,
        seeds=lambda: [script_output({**PI_STATE, "tegrastats": TEGRASTATS}).encode()],
    ),
    FuzzTarget(
        name="tegrastats",
        read=lambda data: parse_tegrastats(text_of(data)),
        seeds=lambda: [TEGRASTATS.encode()],
    ),
    FuzzTarget(
        name="ssh_failure",
        read=read_failure,
        seeds=lambda: [
            b"Host key verification failed.\r\n",
            CHANGED,
            b"pi@board: Permission denied (publickey,password).\r\n",
            b"x: line 3: Bad configuration option: y\r\n",
        ],
        regressions=lambda: [CHANGED.replace(b"/home", b"/\x0chome")],
    ),
    FuzzTarget(
        name="ssh_address",
        read=lambda data: SshAddress.parse(text_of(data)),
        seeds=lambda: [b"ssh:me@board:22", b"ssh:[2001:db8::1%eth0]:22"],
    ),
    FuzzTarget(
        name="remote_cleaning",
        read=lambda data: parse_cleaning(text_of(data)),
        seeds=lambda: [b"removed 12 /a/bundle\nleft 0 /a/x\nremoved 0 /a\n", b"busy 0 7\n"],
    ),
)
