"""Fuzz target: one function that passes bytes to a reader.

It lets only `OfabenchError` pass; any other exception is a finding, and so is an input that takes
more than `LIMIT_S` or `LIMIT_BYTES`.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.errors import OfabenchError

LIMIT_S = 1.0
LIMIT_BYTES = 500 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzTarget:
    """One reader. `seeds` makes its valid inputs, `regressions` its former findings."""

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    regressions: Callable[[], Sequence[bytes]] = tuple
    largest: int = 4096  # bytes of an input

    def __call__(self, data: bytes) -> None:
        """Read `data`; every exception that leaves this is a finding."""
        with suppress(OfabenchError):
            self.read(data)


def file_of(data: bytes, suffix: str = "") -> Path:
    """Path of a file that holds `data`; the next call may write over it."""
    path = scratch_folder() / f"input{suffix}"
    path.write_bytes(data)
    return path


@cache
def scratch_folder() -> Path:
    """Folder of this process for files."""
    folder = tempfile.TemporaryDirectory(prefix="ofabench-fuzz-")
    _kept.append(folder)
    return Path(folder.name)


def text_of(data: bytes) -> str:
    """Text of bytes, as the output of a phone's command is decoded."""
    return data.decode("utf-8", "replace")


_kept: list["tempfile.TemporaryDirectory[str]"] = []  # until the process ends
