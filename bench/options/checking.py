"""Checks of one option's value, and of options that exclude each other."""

from collections.abc import Iterable
from typing import Any

from bench.errors import InputError
from bench.options import values
from bench.options.fields import OptionField, own_fields


def checked(option: OptionField, value: object, key: str, *, bare: bool = True) -> Any:
    """Return a value in the option's type; `InputError`, which names `key`, if it is invalid."""
    try:
        return values.check(option, value, bare=bare)
    except values.BadValueError as error:
        place = "" if error.place is None else f"[{error.place}]"
        message = f"{key}{place} is {_shown(error.value)}, expected {error.expected}"
        raise InputError(message) from None


def _shown(value: object) -> str:
    """Return a value for a message: numbers and booleans as they are, strings in quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def check_sets(options: Any) -> None:
    """Raise `InputError` if exclusive options are given together, or a required one is missing."""
    for exactly, members in sets_of(own_fields(type(options)).values()):
        given_names = [
            option.name for option in members if getattr(options, option.name) != option.default
        ]
        names = [option.name for option in members]
        if len(given_names) > 1:
            raise InputError(f"{' and '.join(given_names)} exclude each other: give one of them")
        if exactly and not given_names:
            raise InputError(f"expected one of {', '.join(names)}, got none")


def sets_of(options: Iterable[OptionField]) -> list[tuple[bool, list[OptionField]]]:
    """Return the sets of options that exclude each other, and whether one must be given."""
    sets: dict[tuple[bool, str], list[OptionField]] = {}
    for option in options:
        declared = option.declared
        if declared.exactly_one is not None:
            sets.setdefault((True, declared.exactly_one), []).append(option)
        elif declared.at_most_one is not None:
            sets.setdefault((False, declared.at_most_one), []).append(option)
    return [(exactly, members) for (exactly, _), members in sets.items()]
