"""The command line that is equivalent to some options."""

import shlex
from collections.abc import Collection
from typing import Any

from bench.options.base import Options
from bench.options.fields import OptionField, opposite, option_fields
from bench.options.reading import value_of
from bench.options.values import text_of


def equivalent_command(command: str, options: Options, *, skip: Collection[str] = ()) -> str:
    """Return the command line that gives the same options, quoted for a shell.

    Options that have their default are left out; the others stand in declared order. None in place
    of another default has no name on the command line, and is left out too.

    Args:
        command: its name or names, as `sweep` or `table build`.
        options: the command's options.
        skip: dotted names of fields to leave out.

    Example:
        >>> from dataclasses import dataclass
        >>> from bench.options import SECONDS, Options, option
        >>> @dataclass(frozen=True, slots=True, kw_only=True)
        ... class SweepOptions(Options):
        ...     budget_s: float | None = option(None, flag="--budget", unit=SECONDS, help="time")
        >>> equivalent_command("sweep", SweepOptions(budget_s="5m"))
        'ofabench sweep --budget 5m'
    """
    words = ["ofabench", *command.split()]
    last: list[str] = []
    for each in option_fields(type(options)):
        if each.dotted in skip:
            continue
        given = _words(each, value_of(options, each))
        if each.declared.positional and any(word.startswith("-") for word in given):
            last += given
        else:
            words += given
    return shlex.join([*words, *(["--", *last] if last else [])])


def _words(option: OptionField, value: Any) -> list[str]:
    """The arguments that give an option its value; none where it has its default."""
    if value is None or (not option.required and value == option.default):
        return []
    if option.type is bool:
        return [_switch(option, value)]
    if option.many and option.declared.separator is None:
        return [word for each in value for word in _named(option, text_of(option, each))]
    return _named(option, text_of(option, value))


def _switch(option: OptionField, value: bool) -> str:
    """The flag that makes a bool what it is."""
    if value is not option.inverted:
        return option.flag
    return opposite(option.flag)


def _named(option: OptionField, text: str) -> list[str]:
    if option.declared.positional:
        return [text]
    return [f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text]
