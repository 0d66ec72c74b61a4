"""Completions of commands, options, choices and files, from their declarations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.options.fields import OptionField, option_fields
from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.cli.derived.command_entry import Entry

_FIRST_WORDS = re.compile(r"[;:(]|[.] (?=[A-Z])")
_FILE_WORDS = re.compile(r"FILE|FOLDER|PATH|DIR\b|\.[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Value of an option or a positional argument: one of `choices`, a file, or any text.

    `help` is the first sentence of the option's help text.
    """

    flags: tuple[str, ...]
    help: str
    switch: bool = False
    choices: tuple[str, ...] = ()
    file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Completion of a command: its line of help, and its values or its commands."""

    help: str
    values: tuple[Value, ...] = ()
    commands: "Mapping[str, Completion]"


def completions(table: Mapping[str, Entry]) -> dict[str, Completion]:
    """Return the completion of each command of a table; imports all commands."""
    return {name: _of_entry(entry) for name, entry in table.items()}


def _of_entry(entry: Entry) -> Completion:
    command = entry.load()
    if isinstance(command, CommandGroup):
        inner = {each.name: _of_command(each) for each in command.commands}
        return Completion(help=entry.help, commands=inner)
    return _of_command(command)


def _of_command(command: Command[Any]) -> Completion:
    values = [
        _value(field) for field in option_fields(command.options) if not field.declared.hidden
    ]
    values.append(Value(flags=("--config",), help="options from a file", file=True))
    values.append(Value(flags=("-h", "--help"), help="show the help", switch=True))
    return Completion(help=command.help, values=tuple(values), commands={})


def _value(option: OptionField) -> Value:
    metavar = option.declared.metavar or ""
    text = option.type is str and _FILE_WORDS.search(metavar) is not None
    return Value(
        flags=option.flags,
        help=_FIRST_WORDS.split(option.declared.help, maxsplit=1)[0].strip(),
        switch=option.type is bool,
        choices=tuple(str(each) for each in option.choices or ()),
        file=not option.choices and (option.type is Path or text),
    )
