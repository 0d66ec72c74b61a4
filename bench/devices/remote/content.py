"""Transfer of files to a device by content: present files are skipped, sent ones are verified."""

import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from bench.devices.remote.connection import CommandResult, PushFile, silent
from bench.errors import DeviceError, DeviceLostError, InputError
from bench.files import read_bytes

# toybox has sha256sum since Android 8, md5sum before; both detect truncated files.
PROGRAMS = ("sha256sum", "sha1sum", "md5sum")
NAMES_AT_ONCE = 50  # files that a broken connection may cost
HASH_TIMEOUT_S = 40.0  # for those; flash that reads 50 MB/s reads 2 GB in it
EXECUTABLE, PLAIN = 0o755, 0o644


class Pusher(Protocol):
    """The members of a connection that transfers need."""

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult: ...

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = ...) -> None: ...


def push_missing(
    connection: Pusher,
    folder: str,
    files: Mapping[str, bytes | Path],
    progress: Callable[[int], None] = silent,
    *,
    executable: frozenset[str] = frozenset(),
) -> int:
    """Copy files to a folder of the device, unless they are there already.

    Each is sent under another name, verified by its hash there and only then renamed, so that a
    broken transfer leaves no incomplete file. Returns the bytes sent. Raises `DeviceFullError` if
    there is no room, `DeviceLostError` if the received content differs.
    """
    for name in files:
        if "/" in name or not name.isprintable() or name in ("", ".", ".."):
            raise InputError(f"file name {name!r} cannot be used on a device")
    _shell(connection, f"mkdir -p {shlex.quote(folder)}")
    program = hash_program(connection)
    expected = {name: _digest(program, _content(content)) for name, content in files.items()}
    present = hashes(connection, program, folder, list(files))
    missing = [name for name, digest in expected.items() if present.get(name) != digest]
    sent_bytes = 0
    for batch in _batches(missing):
        pushed = [
            PushFile(
                f"{folder}/{name}.part",
                _content(files[name]),
                EXECUTABLE if name in executable else PLAIN,
            )
            for name in batch
        ]
        connection.push(pushed, progress)
        sent_bytes += sum(len(file.content) for file in pushed if isinstance(file.content, bytes))
        parts = {f"{name}.part": expected[name] for name in batch}
        if hashes(connection, program, folder, list(parts)) != parts:
            raise DeviceLostError("what arrived on the device is not what was sent")
        quoted = [shlex.quote(name) for name in batch]
        moves = "".join(
            f" && mv -f {shlex.quote(n + '.part')} {q}" for n, q in zip(batch, quoted, strict=True)
        )
        _shell(connection, f"cd {shlex.quote(folder)}{moves}")
    return sent_bytes


def hash_program(connection: Pusher) -> str:
    """Return the first of `PROGRAMS` that is there; `DeviceLostError` for a garbled answer."""
    tried = "; ".join(f"{name} /dev/null >/dev/null 2>&1 && echo {name}" for name in PROGRAMS)
    programs = connection.run(["sh", "-c", f"{tried}; true"]).text.split()
    if not programs:
        raise DeviceError(f"the device has none of {', '.join(PROGRAMS)}")
    if programs[0] not in PROGRAMS:
        raise DeviceLostError(
            f"the device's answer is garbled: {programs[0]!r:.40}, expected {', '.join(PROGRAMS)}"
        )
    return programs[0]


def hashes(connection: Pusher, program: str, folder: str, names: Sequence[str]) -> dict[str, str]:
    """Return the hashes in hex of the existing files, by name."""
    by_name: dict[str, str] = {}
    for batch in _batches(names):
        quoted = " ".join(shlex.quote(f"./{name}") for name in batch)
        text = f"cd {shlex.quote(folder)} && {program} {quoted} 2>/dev/null; true"
        output = connection.run(["sh", "-c", text], timeout_s=HASH_TIMEOUT_S).text
        for line in output.splitlines():
            digest, _, name = line.partition(" ")
            by_name[name.strip().removeprefix("*").removeprefix("./")] = digest
    return by_name


def _content(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else read_bytes(content)


def _digest(program: str, content: bytes) -> str:
    return hashlib.new(program.removesuffix("sum"), content, usedforsecurity=False).hexdigest()


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), NAMES_AT_ONCE):
        yield list(names[start : start + NAMES_AT_ONCE])


def _shell(connection: Pusher, text: str) -> None:
    completed = connection.run(["sh", "-c", text])
    if completed.status != 0:
        message = completed.err.decode("utf-8", "replace").strip() or f"status {completed.status}"
        raise DeviceError(f"the device cannot do {text[:60]!r}: {message[:200]}")
