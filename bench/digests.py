"""SHA-256 digests of content and of files, in hex."""

import hashlib
from pathlib import Path

from bench.errors import FileError


def content_digest(content: bytes | str) -> str:
    """Return the SHA-256 digest of bytes, or of a text as UTF-8: 64 hex digits."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 digest of a file, read in chunks; `FileError` if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
