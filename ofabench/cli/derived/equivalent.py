"""Equivalent command line of given options."""

import shlex
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from bench.options.base import Options
from bench.options.fields import OptionField, opposite, option_fields
from bench.options.reading import value_of
from bench.options.values import text_of


def equivalent_command(command: str, options: Options, *, skip: Collection[str] = ()) -> str:
    """Return the command line with the same options, quoted for a shell.

    Options with their default are omitted; the others follow in declared order. None in place of
    another default cannot be written on the command line, and is omitted too.

    Args:
        command: its name or names, such as `sweep` or `table build`.
        options: the command's options.
        skip: dotted names of fields to omit.

    Example:
        >>> from dataclasses import dataclass
        >>> from bench.options import SECONDS, Options, option
        >>> @dataclass(frozen=True, slots=True, kw_only=True)
        ... class SweepOptions(Options):
        ...     budget_s: float | None = option(None, flag="--budget", unit=SECONDS, help="time")
        >>> equivalent_command("sweep", SweepOptions(budget_s="5m"))
        'ofabench sweep --budget 5m'
    """
    command_words = ["ofabench", *command.split()]
    positional: list[str] = []
    for option_field in option_fields(type(options)):
        if option_field.dotted in skip:
            continue
        arguments = _arguments(option_field, _value(options, option_field))
        if option_field.declared.positional and any(word.startswith("-") for word in arguments):
            positional += arguments
        else:
            command_words += arguments
    return shlex.join([*command_words, *(["--", *positional] if positional else [])])


def _value(options: Options, option: OptionField) -> Any:
    """The option's value, at whichever of its places another than its default was given."""
    places = [option.path, *option.twins]
    values = [value_of(options, replace(option, path=path)) for path in places]
    return next((value for value in values if value != option.default), values[0])


def _arguments(option: OptionField, value: Any) -> list[str]:
    """The arguments of an option's value; none for its default."""
    if value is None or (not option.required and value == option.default):
        return []
    if option.type is bool:
        return [_switch(option, value)]
    if option.many and option.declared.separator is None:
        return [word for item in value for word in _named(option, text_of(option, item))]
    return _named(option, text_of(option, value))


def _switch(option: OptionField, value: bool) -> str:
    """The flag for a bool's value."""
    if value is not option.inverted:
        return option.flag
    return opposite(option.flag)


def _named(option: OptionField, text: str) -> list[str]:
    if option.declared.positional:
        return [text]
    return [f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text]
