"""Files on a phone by content: present ones are not sent again, sent ones are verified."""

import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from bench.devices.android.adb.shell import Completed
from bench.devices.android.adb.sync import PushFile, silent
from bench.errors import DeviceError, DeviceLostError, InputError
from bench.files import read_bytes

# toybox has sha256sum since Android 8, md5sum before; both tell a cut file from a whole one.
PROGRAMS = ("sha256sum", "sha1sum", "md5sum")
NAMES_AT_ONCE = 50  # what a cut connection may cost
HASH_TIMEOUT_S = 40.0  # of those; flash that reads 50 MB/s gives 2 GB in it
EXECUTABLE, PLAIN = 0o755, 0o644


class Pusher(Protocol):
    """What is needed of a connection."""

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> Completed: ...

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = ...) -> None: ...


def push_missing(
    connection: Pusher,
    folder: str,
    files: Mapping[str, bytes | Path],
    progress: Callable[[int], None] = silent,
    *,
    executable: frozenset[str] = frozenset(),
) -> int:
    """Put files into a folder of the phone, those that are not there as they should be.

    Each comes under another name, is checked by its hash there and only then renamed, so that a
    broken push leaves no half file. Returns the bytes sent. `DeviceFullError` where there is no
    room, `DeviceLostError` where what arrived is not what was sent.
    """
    for name in files:
        if "/" in name or not name.isprintable() or name in ("", ".", ".."):
            raise InputError(f"file name {name!r} cannot be used on a phone")
    _shell(connection, f"mkdir -p {shlex.quote(folder)}")
    program = hash_program(connection)
    wanted = {name: _digest(program, _content(what)) for name, what in files.items()}
    there = hashes(connection, program, folder, list(files))
    missing = [name for name, digest in wanted.items() if there.get(name) != digest]
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
        parts = {f"{name}.part": wanted[name] for name in batch}
        if hashes(connection, program, folder, list(parts)) != parts:
            raise DeviceLostError("what arrived on the phone is not what was sent")
        quoted = [shlex.quote(name) for name in batch]
        moves = "".join(
            f" && mv -f {shlex.quote(n + '.part')} {q}" for n, q in zip(batch, quoted, strict=True)
        )
        _shell(connection, f"cd {shlex.quote(folder)}{moves}")
    return sent_bytes


def hash_program(connection: Pusher) -> str:
    """Find the first of `PROGRAMS` that the phone has; what is none of them came garbled."""
    tried = "; ".join(f"{name} /dev/null >/dev/null 2>&1 && echo {name}" for name in PROGRAMS)
    found = connection.run(["sh", "-c", f"{tried}; true"]).text.split()
    if not found:
        raise DeviceError(f"the phone has none of {', '.join(PROGRAMS)}; is it Android 6 or newer?")
    if found[0] not in PROGRAMS:
        raise DeviceLostError(
            f"the phone's answer came garbled: {found[0]!r:.40}, expected {', '.join(PROGRAMS)}"
        )
    return found[0]


def hashes(connection: Pusher, program: str, folder: str, names: Sequence[str]) -> dict[str, str]:
    """Hashes in hex of those files that are there, by name."""
    found: dict[str, str] = {}
    for batch in _batches(names):
        quoted = " ".join(shlex.quote(f"./{name}") for name in batch)
        text = f"cd {shlex.quote(folder)} && {program} {quoted} 2>/dev/null; true"
        told = connection.run(["sh", "-c", text], timeout_s=HASH_TIMEOUT_S).text
        for line in told.splitlines():
            digest, _, name = line.partition(" ")
            found[name.strip().removeprefix("*").removeprefix("./")] = digest
    return found


def _content(what: bytes | Path) -> bytes:
    return what if isinstance(what, bytes) else read_bytes(what)


def _digest(program: str, content: bytes) -> str:
    return hashlib.new(program.removesuffix("sum"), content, usedforsecurity=False).hexdigest()


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), NAMES_AT_ONCE):
        yield list(names[start : start + NAMES_AT_ONCE])


def _shell(connection: Pusher, text: str) -> None:
    done = connection.run(["sh", "-c", text])
    if done.status != 0:
        told = done.err.decode("utf-8", "replace").strip() or f"status {done.status}"
        raise DeviceError(f"the phone cannot do {text[:60]!r}: {told[:200]}")
