"""What ssh prints when it fails, as one line for the user; texts are OpenSSH's own."""

from pathlib import Path

import pytest

from bench.devices.remote.connection import UnauthorizedError
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.failures import FailedLogin
from bench.errors import DeviceError, DeviceLostError, InputError

BOARD = SshAddress("board", "pi", 2222)
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Offending ED25519 key in /home/me/.ssh/known_hosts:7
Host key for [board]:2222 has changed and you have requested strict checking.
Host key verification failed.
"""


@pytest.mark.parametrize(
    ("printed", "kind", "expected"),
    [
        (CHANGED, UnauthorizedError, "remove line 7 of /home/me/.ssh/known_hosts"),
        (
            "No ED25519 host key is known for board and you have requested strict checking.\r\n"
            "Host key verification failed.\r\n",
            UnauthorizedError,
            "run `ssh -p 2222 pi@board` once, and compare the fingerprint",
        ),
        (
            "pi@board: Permission denied (publickey,password).\r\n",
            UnauthorizedError,
            "does not accept your key (it accepts publickey,password): run `ssh-copy-id -p 2222",
        ),
        (
            "ssh: connect to host board port 2222: Connection refused\r\n",
            DeviceError,
            "ssh:pi@board:2222 refuses connections: start its SSH server there",
        ),
        (
            "ssh: Could not resolve hostname board: Name or service not known\r\n",
            DeviceError,
            "the name board is not known in this network",
        ),
        (
            "ssh: connect to host board port 2222: No route to host\r\n",
            DeviceError,
            "cannot be reached (connect to host board port 2222: No route to host): is it on",
        ),
        (
            "/home/me/.ssh/config: line 3: Bad configuration option: usekeychain\r\n"
            "/home/me/.ssh/config: terminating, 1 bad configuration options\r\n",
            InputError,
            "its configuration: /home/me/.ssh/config: line 3: Bad configuration option: usekeych",
        ),
        (
            "Bad owner or permissions on /home/me/.ssh/config\r\n",
            InputError,
            "Bad owner or permissions on /home/me/.ssh/config",
        ),
        (
            "Unable to negotiate with 192.0.2.7 port 22: no matching host key type found. Their "
            "offer: ssh-rsa\r\n",
            UnauthorizedError,
            "have no algorithm in common",
        ),
        (
            "kex_exchange_identification: read: Connection reset by peer\r\n",
            DeviceLostError,
            "ended the connection: kex_exchange_identification",
        ),
        ("ssh: something new\n", DeviceError, "cannot connect to ssh:pi@board:2222: something new"),
        ("", DeviceError, "it printed no reason"),
    ],
)
def test_each_failure_says_what_to_do(printed: str, kind: type[DeviceError], expected: str) -> None:
    error = FailedLogin(address=BOARD, printed=printed).error()

    assert type(error) is kind
    assert expected in str(error)
    assert "\n" not in str(error)


def test_the_command_to_run_names_another_configuration_file() -> None:
    error = FailedLogin(
        address=SshAddress("board"),
        printed="Host key verification failed.\r\n",
        config=Path("my files/config"),
    ).error()

    assert "run `ssh -F 'my files/config' board` once" in str(error)
