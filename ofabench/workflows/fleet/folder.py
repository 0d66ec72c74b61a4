"""Folders with a file for each member of a fleet."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import FileError, InputError


def made_folder(path: Path) -> Path:
    """Return a folder, made if it is missing; `FileError` if that fails."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise FileError(f"cannot make folder {path}: {reason}") from error
    return path


def member_file(path: Path, name: str, suffixes: Sequence[str], what: str) -> Path:
    """Return a member's file in a folder, NAME with one of the suffixes; a file is for all.

    Raises `InputError` if the folder has no such file, or several.
    """
    if not path.is_dir():
        return path
    names = [f"{name}{suffix}" for suffix in suffixes]
    files = [path / each for each in names if (path / each).is_file()]
    if len(files) == 1:
        return files[0]
    expected = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    got = ", ".join(file.name for file in files) or "none"
    raise InputError(f"{path} is the folder of {what}: for {name} expected {expected}, got {got}")
