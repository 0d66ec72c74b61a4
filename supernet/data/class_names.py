"""Names of classes, in the order of a network's outputs.

They come from the data that a supernet was trained on (`DataParts.class_names`), and are copied to
checkpoints, extracted networks, cards and model files. An empty tuple means unknown names, as in
older files.
"""

from collections.abc import Sequence
from typing import Any

from bench.errors import InputError

ClassNames = tuple[str, ...]
LABELS = "labels.txt"  # the usual name of such a file beside or inside a TFLite model
_SHOWN = 5


def of_folders(names: Sequence[str]) -> ClassNames:
    """Return names of class folders as valid text: bytes that are not UTF-8 become escapes."""
    return tuple(name.encode("utf-8", "backslashreplace").decode() for name in names)


def read_class_names(value: Any, classes: int) -> ClassNames:
    """Read the JSON values of `classes` names; empty for None. `ValueError` for anything else."""
    if value is None or value == []:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("class names are not a list of texts")
    if len(value) != classes:
        raise ValueError(f"{len(value)} class names for {classes} classes")
    return tuple(value)


def differ(expected: ClassNames, actual: ClassNames) -> bool:
    """Return whether both are known and are not the same."""
    return bool(expected and actual) and expected != actual


def check_same(expected: ClassNames, actual: ClassNames, data: str) -> None:
    """Raise `InputError` where the labels of `data` mean other classes than the network's."""
    if differ(expected, actual):
        raise InputError(
            f"the network's classes are {shortened(expected)}, those of the data {data} are "
            f"{shortened(actual)}: its labels have another meaning; give data with the same "
            "class folders"
        )


def shortened(names: ClassNames) -> str:
    """Return the first few names on one line, and the number of further names."""
    first = ", ".join(map(one_line, names[:_SHOWN]))
    return first if len(names) <= _SHOWN else f"{first} and {len(names) - _SHOWN} more"


def one_line(name: str) -> str:
    """Return `name` with line breaks and other characters that do not print as escapes."""
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )
    # Programs that read lists of labels skip lines that look empty.
    return shown if shown.strip() else shown.replace(" ", "\\x20") or "\\x20"


def labels_text(names: ClassNames) -> str:
    """Return the content of a label file: one line per output, in order."""
    return "".join(f"{one_line(name)}\n" for name in names)
