"""Names of classes, in the order of a network's outputs.

They come from the data that a supernet was trained on (`DataParts.class_names`), and are copied to
checkpoints, extracted networks, cards and model files. An empty tuple means that they are not
known: files written before names were kept have none.
"""

from collections.abc import Sequence
from typing import Any

from bench.errors import InputError

ClassNames = tuple[str, ...]
LABELS = "labels.txt"  # the usual name of such a file beside or inside a TFLite model
_SHOWN = 5


def of_folders(names: Sequence[str]) -> ClassNames:
    """Names of class folders as valid text: bytes that are not UTF-8 become escapes."""
    return tuple(name.encode("utf-8", "backslashreplace").decode() for name in names)


def read_class_names(value: Any, classes: int) -> ClassNames:
    """Read the JSON values of `classes` names; empty for None. `ValueError` for anything else."""
    if value is None or value == []:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("class names are not a list of texts")
    if len(value) != classes:
        raise ValueError(f"{len(value)} class names for {classes} classes")
    return tuple(value)


def differ(expected: ClassNames, found: ClassNames) -> bool:
    """Return whether both are known and are not the same."""
    return bool(expected and found) and expected != found


def check_same(expected: ClassNames, found: ClassNames, data: str) -> None:
    """Raise `InputError` where the labels of `data` mean other classes than the network's."""
    if differ(expected, found):
        raise InputError(
            f"the network's classes are {shortened(expected)}, those of the data {data} are "
            f"{shortened(found)}: its labels would mean something else; give data with the same "
            "class folders"
        )


def shortened(names: ClassNames) -> str:
    """Return the first few names on one line, and how many more there are."""
    first = ", ".join(map(one_line, names[:_SHOWN]))
    return first if len(names) <= _SHOWN else f"{first} and {len(names) - _SHOWN} more"


def one_line(name: str) -> str:
    """Return `name` with line breaks and other characters that do not print as escapes."""
    shown = "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in name
    )
    # Programs that read lists of labels skip lines that look empty.
    return shown if shown.strip() else shown.replace(" ", "\\x20") or "\\x20"


def labels_text(names: ClassNames) -> str:
    """Content of a file of labels: one line for each output, in order."""
    return "".join(f"{one_line(name)}\n" for name in names)
