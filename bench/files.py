"""Writing of files completely or not at all, and reading with one-line errors for damaged files."""

import io
import json
import lzma
import os
import pickle
import shutil
import struct
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError

ZIP_DAMAGE = (  # what zipfile raises for a damaged archive, depending on where the damage is
    zipfile.BadZipFile,
    NotImplementedError,  # damage that reads as an unknown compression,
    RuntimeError,  # ... as encryption,
    ValueError,  # ... as a name that is not text, or an offset outside the file
    EOFError,
    OSError,
    struct.error,
    OverflowError,  # ... as an offset that no file has
    zlib.error,
    lzma.LZMAError,
)


# What Python raises when a file's values have other types or contents than expected.
VALUE_DAMAGE = (
    ArithmeticError,  # infinity as an integer,
    AttributeError,  # a list in place of an object
    LookupError,
    TypeError,
    ValueError,
)
TORCH_DAMAGE = (  # what torch.load raises for a file of another kind, or a damaged one
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`.

    Readers see the old content or the new one; after a failure the old one is left. Raises
    `FileError`.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, completely or not at all."""
    write_atomically(path, lambda temporary: _put(temporary, content))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, completely or not at all."""
    write_bytes(path, text.encode())


@contextmanager
def make_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder to fill, which is renamed to `path` at the end.

    Raises `FileError` if `path` exists or cannot be created.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        if path.exists():
            raise FileError(f"{path} exists; name another, or remove it")
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        temporary.rename(path)
    except OSError as error:
        raise FileError(f"cannot make {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def read_bytes(path: Path) -> bytes:
    """Return the content of a file; `FileError` if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; `FileError` if it cannot be read or is not JSON."""
    try:
        return parse_json(read_bytes(path))
    except ValueError as error:
        raise FileError(f"{path} is not JSON: {error}") from error


def parse_json(text: str | bytes) -> Any:
    """Return the value of JSON text; `ValueError` for anything else, also if nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_toml(text: str, where: str | Path) -> dict[str, Any]:
    """Return the tables of TOML text; `InputError` with its source `where` for other text."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise InputError(f"{where} is not TOML: {reason}") from None


def toml_text(path: Path) -> str:
    """Return the text of a TOML file; `FileError` or `InputError` if it cannot be read."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not TOML: it is not UTF-8 text") from None


def cache_folder() -> Path:
    """Return our folder in the user's cache, for files that can be made again; it may be absent."""
    if "XDG_CACHE_HOME" in os.environ:
        return Path(os.environ["XDG_CACHE_HOME"]) / "ofabench"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ofabench"
    return Path.home() / ".cache" / "ofabench"


def state_folder() -> Path:
    """Return our folder for state that programs keep between runs; it may not exist yet."""
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    if configured.is_absolute():
        return configured / "ofabench"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "ofabench"
    return Path.home() / ".local" / "state" / "ofabench"


def zip_damage(content: bytes) -> str:
    """Return what is wrong with a zip archive, such as a torch file; "" if its checksums match."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
    except ZIP_DAMAGE as error:
        return str(error) or "truncated"
    return f"{damaged} is damaged" if damaged else ""


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
