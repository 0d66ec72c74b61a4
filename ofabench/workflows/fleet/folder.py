"""Folders with a file for each member of a fleet."""

from pathlib import Path

from bench.errors import FileError


def made_folder(path: Path) -> Path:
    """Return a folder, made if it is missing; `FileError` if that fails."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise FileError(f"cannot make folder {path}: {reason}") from error
    return path


def existing_folder(path: Path, which: str) -> Path:
    """Return a folder; `FileError` if there is none, which asks for `which`."""
    if not path.is_dir():
        raise FileError(f"there is no folder {path}; give {which}")
    return path


def member_file(path: Path, name: str, suffix: str, what: str) -> Path:
    """Return a member's file NAME.suffix in a folder; a path that is no folder is for all.

    Raises `FileError` if the folder has no such file; `what` is the option that names the folder.
    """
    if not path.is_dir():
        return path
    file = path / f"{name}{suffix}"
    if not file.is_file():
        raise FileError(f"{what} is the folder {path}, which has no {file.name}")
    return file


def member_model(path: Path, name: str) -> Path:
    """Return a member's model file in a folder, NAME with any suffix; a file is for all.

    Raises `FileError` unless the folder has one such file with its card.
    """
    from supernet.export.model_card import card_path

    if not path.is_dir():
        return path
    files = [file for file in path.iterdir() if file.stem == name and card_path(file).is_file()]
    if len(files) != 1:
        got = ", ".join(sorted(file.name for file in files)) or "none"
        raise FileError(
            f"MODEL is the folder {path}: expected one model {name}.onnx or {name}.tflite there, "
            f"with its card, got {got}"
        )
    return files[0]
