"""Digests of content and of files, beside those of the standard and of `sha256sum`."""

from pathlib import Path

import pytest

from bench.digests import content_digest, file_digest
from bench.errors import FileError

# FIPS 180-2, appendix B.1, and the digest of a million times "a", appendix B.3.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
MILLION = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


def test_content_is_bytes_or_text_as_utf_8() -> None:
    assert content_digest(b"abc") == content_digest("abc") == ABC
    assert content_digest("é") == content_digest(b"\xc3\xa9")


def test_a_file_of_many_chunks_has_the_digest_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * 1_000_000)

    assert file_digest(path) == MILLION


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*gone: No such file"):
        file_digest(tmp_path / "gone")
