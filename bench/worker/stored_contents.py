"""Contents that clients sent: files in the user's cache folder, named by their digests."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from bench.closing import Closing
from bench.devices.worker.shipping import ShippedArray, ShippedFile
from bench.digests import file_digest
from bench.errors import DeviceError, DeviceLostError, InputError
from bench.files import cache_folder, read_bytes
from bench.integers import parse_integer
from bench.models.model_file import ModelFile

CACHE_BYTES = 1 << 30  # of contents that the current request does not need
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
PART = ".part"


def contents_folder() -> Path:
    """Return the folder of contents and model files; it may not exist yet."""
    return cache_folder() / "worker"


class StoredContents(Closing):
    """Contents in `folder`; a folder in it has this process's model files, which are made of them.

    `close` removes the latter. Those of processes that were killed are removed at the start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / f"files-{os.getpid()}"
        for left in folder.glob("files-*"):
            pid = parse_integer(left.name.removeprefix("files-"))
            if pid is None or not psutil.pid_exists(pid):
                shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        """Remove this process's model files; the contents stay for later measurements."""
        shutil.rmtree(self._files, ignore_errors=True)

    def missing(self, digests: Iterable[str]) -> dict[str, int]:
        """Return the contents that are not here, with the bytes that are.

        Others than these are removed, the longest unused first, while they exceed `CACHE_BYTES`.
        """
        needed = [_checked(digest) for digest in digests]
        self._clear({*needed})
        result = {}
        for digest in needed:
            path = self._folder / digest
            if path.exists():
                path.touch()
            else:
                part = self._folder / (digest + PART)
                result[digest] = part.stat().st_size if part.exists() else 0
        return result

    def put(self, digest: str, start: int, part: bytes, *, last: bool) -> None:
        """Write a part of a content at `start`; the last one completes it.

        Raises `DeviceLostError` if parts before it are missing or the whole has another digest: it
        is then removed, to be sent again. `DeviceError` if it cannot be written.
        """
        path = self._folder / (_checked(digest) + PART)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(handle, "wb") as file:
                if not 0 <= start <= os.fstat(handle).st_size:
                    raise DeviceLostError(f"a part of a model at {start} came before those before")
                file.seek(start)
                file.write(part)
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise DeviceError(
                f"a model cannot be written to {self._folder}: {error.strerror or error}; make "
                "room there, or set XDG_CACHE_HOME there to a folder with room"
            ) from error
        if last:
            if file_digest(path) != digest:
                path.unlink()
                raise DeviceLostError("a model arrived with another content than was sent")
            path.rename(self._folder / digest)

    def path(self, digest: str) -> Path:
        """Return the file of a content; `DeviceLostError` if it is not here."""
        path = self._folder / _checked(digest)
        if not path.exists():
            raise DeviceLostError(f"the content {digest[:12]} is not on the machine any more")
        return path

    def model_file(self, shipped: ShippedFile) -> ModelFile:
        """Return a model file with its own name, beside its external data."""
        digest = shipped.digest
        if not re.fullmatch(r"[0-9a-zA-Z]{1,64}", digest):
            raise InputError(f"the digest of a model file is {digest!r:.80}")
        folder = self._files / digest
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            main = _placed(self.path(shipped.content), folder, shipped.file_name)
            external = tuple(
                _placed(self.path(content), folder, name) for name, content in shipped.external
            )
        except OSError as error:
            raise DeviceError(
                f"a model cannot be written to {folder}: {error.strerror or error}; make room there"
            ) from error
        return ModelFile(
            path=main,
            name=shipped.name,
            shapes=shipped.shapes,
            values=self._values(shipped),
            external=external,
            optimise=shipped.optimise,
            given_digest=digest,
        )

    def _values(self, shipped: ShippedFile) -> Mapping[str, NDArray[np.generic]] | None:
        if shipped.values is None:
            return None
        return {each.name: self._array(each) for each in shipped.values}

    def _array(self, shipped: ShippedArray) -> NDArray[np.generic]:
        try:
            values = np.frombuffer(read_bytes(self.path(shipped.content)), shipped.dtype)
            return values.reshape(shipped.shape)
        except (ValueError, TypeError) as error:
            raise InputError(f"the values of {shipped.name} cannot be read: {error}") from error

    def _clear(self, needed: set[str]) -> None:
        """Remove what exceeds the cache."""
        if not self._folder.is_dir():
            return
        others = [
            (entry.stat(), Path(entry.path))
            for entry in os.scandir(self._folder)
            if entry.is_file() and entry.name.removesuffix(PART) not in needed
        ]
        total_bytes = sum(state.st_size for state, _ in others)
        for state, path in sorted(others, key=lambda each: each[0].st_mtime):
            if total_bytes <= CACHE_BYTES:
                return
            with suppress(OSError):
                path.unlink()
            total_bytes -= state.st_size


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise InputError(f"a digest is {digest!r:.80}, expected 64 hexadecimal digits")
    return digest


def _placed(content: Path, folder: Path, name: str) -> Path:
    """Return the path of a content under a name in a folder; runtimes refuse links as data."""
    if Path(name).name != name or name in {"", ".", ".."}:
        raise InputError(f"the name of a model file is {name!r:.80}, expected one without folders")
    path = folder / name
    if not path.exists():
        shutil.copyfile(content, path)
    return path
