"""Checks of one option's value, and of options that exclude each other."""

from collections.abc import Iterable
from typing import Any

from bench.errors import InputError
from bench.options import values
from bench.options.fields import OptionField, own_fields


def checked(option: OptionField, value: object, key: str, *, bare: bool = True) -> Any:
    """Return a value in the option's type; `InputError` under the name `key` where it has none."""
    try:
        return values.check(option, value, bare=bare)
    except values.BadValueError as error:
        place = "" if error.place is None else f"[{error.place}]"
        message = f"{key}{place} is {_shown(error.value)}, expected {error.expected}"
        raise InputError(message) from None


def _shown(value: object) -> str:
    """A value for a message: numbers and words as they are, in quotes what is a text."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def check_sets(options: Any) -> None:
    """See that of options that exclude each other no two are given, and one where one must be."""
    for exactly, members in sets_of(own_fields(type(options)).values()):
        given = [each.name for each in members if getattr(options, each.name) != each.default]
        names = [each.name for each in members]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} exclude each other: give one of them")
        if exactly and not given:
            raise InputError(f"expected one of {', '.join(names)}, got none")


def sets_of(options: Iterable[OptionField]) -> list[tuple[bool, list[OptionField]]]:
    """Return the sets of options that exclude each other, and whether one must be given."""
    found: dict[tuple[bool, str], list[OptionField]] = {}
    for each in options:
        declared = each.declared
        if declared.exactly_one is not None:
            found.setdefault((True, declared.exactly_one), []).append(each)
        elif declared.at_most_one is not None:
            found.setdefault((False, declared.at_most_one), []).append(each)
    return [(exactly, members) for (exactly, _), members in found.items()]
