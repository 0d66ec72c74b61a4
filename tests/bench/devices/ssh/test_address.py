"""Addresses of SSH devices: parsed, written, and refused where ssh would read an option."""

import pytest

from bench.devices.ssh.address import SshAddress
from bench.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected", "words", "destination"),
    [
        ("ssh:board", SshAddress("board"), ["--", "board"], "board"),
        (
            "ssh:pi@192.0.2.7",
            SshAddress("192.0.2.7", "pi"),
            ["-l", "pi", "--", "192.0.2.7"],
            "pi@192.0.2.7",
        ),
        (
            "ssh:pi@board:2222",
            SshAddress("board", "pi", 2222),
            ["-p", "2222", "-l", "pi", "--", "board"],
            "-p 2222 pi@board",
        ),
        (
            "ssh:[2001:db8::1]:22",
            SshAddress("2001:db8::1", None, 22),
            ["-p", "22", "--", "2001:db8::1"],
            "-p 22 2001:db8::1",
        ),
    ],
)
def test_an_address_is_read_and_written(
    text: str, expected: SshAddress, words: list[str], destination: str
) -> None:
    address = SshAddress.parse(text)

    assert address == expected
    assert str(address) == text
    assert address.words() == words
    assert address.destination == destination


@pytest.mark.parametrize(
    "text",
    [
        "board",
        "ssh:",
        "ssh:@board",
        "ssh:-oProxyCommand=touch x",
        "ssh:-l@board",
        "ssh:pi@-oProxyCommand=x",
        "ssh:board:0",
        "ssh:board:65536",
        "ssh:board:",
        "ssh:board:ssh",
        "ssh:2001:db8::1",
        "ssh:[2001:db8::1",
        "ssh:[::1]22",
        "ssh:a b",
        "ssh:a;b",
        "ssh:board/folder",
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected ssh:USER@HOST"):
        SshAddress.parse(text)
