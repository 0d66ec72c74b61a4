"""A phone's hash programs and file digests, intact or damaged in transit."""

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.remote.connection import CommandResult, PushFile
from bench.devices.remote.content import PROGRAMS, hash_program, push_missing
from bench.errors import DeviceError, DeviceLostError

WHOLE = "sha256sum\nsha1sum\nmd5sum\n"


class ScriptedPhone:
    """Phone that answers commands with given texts in order and accepts any file."""

    def __init__(self, *answers: str | bytes) -> None:
        self._answers = [
            answer.encode() if isinstance(answer, str) else answer for answer in answers
        ]
        self.pushed: list[str] = []

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        del argv, timeout_s, stdin
        return CommandResult(0, self._answers.pop(0), b"")

    def push(
        self, files: Sequence[PushFile], progress: Callable[[int], None] = lambda count: None
    ) -> None:
        del progress
        self.pushed += [file.path for file in files]


@pytest.mark.parametrize(
    ("text", "chosen"), [(WHOLE, "sha256sum"), ("md5sum\n", "md5sum"), ("sha1sum", "sha1sum")]
)
def test_the_first_available_hash_program_is_chosen(text: str, chosen: str) -> None:
    assert hash_program(ScriptedPhone(text)) == chosen


def test_a_phone_without_a_hash_program_is_too_old() -> None:
    with pytest.raises(DeviceError, match="none of sha256sum, sha1sum, md5sum"):
        hash_program(ScriptedPhone("\n"))


@pytest.mark.parametrize("place", range(len("sha256sum")))
@pytest.mark.parametrize("bit", range(8))
def test_a_hash_program_with_a_damaged_bit_is_never_used(place: int, bit: int) -> None:
    damaged = bytearray(WHOLE.encode())
    damaged[place] ^= 1 << bit

    with pytest.raises(DeviceLostError, match="garbled"):
        hash_program(ScriptedPhone(bytes(damaged)))


@given(st.binary())
def test_garbage_is_a_known_hash_program_or_an_error(data: bytes) -> None:
    try:
        chosen = hash_program(ScriptedPhone(data))
    except DeviceError:
        return
    assert chosen in PROGRAMS


@pytest.mark.parametrize("damaged", ["0" * 64 + "  ./job", "", "\0\0", "{0} ./jpb", "{0}./job"])
def test_a_file_with_a_damaged_digest_is_sent_again(damaged: str) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    phone = ScriptedPhone("", WHOLE, damaged.format(digest), f"{digest}  ./job.part\n", "")

    sent_bytes = push_missing(phone, "/data/work", {"job": b"content"})

    assert sent_bytes == 7
    assert phone.pushed == ["/data/work/job.part"]


def test_a_file_that_arrives_changed_is_an_error() -> None:
    phone = ScriptedPhone("", WHOLE, "", f"{hashlib.sha256(b'cxntent').hexdigest()}  ./job.part\n")

    with pytest.raises(DeviceLostError, match="is not what was sent"):
        push_missing(phone, "/data/work", {"job": b"content"})
