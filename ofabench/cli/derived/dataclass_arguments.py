"""Arguments derived from a dataclass of options, and the dataclass read from them.

`add_dataclass(parser, cls)` adds an argument for each option, and `--config`.
`read_dataclass(cls, namespace)` returns the dataclass: the command line overrides the `--config`
file, which overrides defaults.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench.options.base import Options
from bench.options.checking import sets_of
from bench.options.fields import OptionField, opposite, option_fields
from bench.options.reading import build, missing_options
from bench.options.values import BadValueError, parse, text_of
from ofabench.cli.derived.config_file import add_config, config_values
from ofabench.cli.derived.parser import UsageError

T = TypeVar("T", bound=Options)
_PREFIX = "option:"
_Container = Any  # argparse's parser, group or exclusive group: they share a private base


def add_dataclass(parser: argparse.ArgumentParser, cls: type[Options]) -> None:
    """Add an argument for each option of a dataclass, and `--config`.

    Args:
        parser: a `CommandParser`; with another, the help shows no argument as required.
        cls: the dataclass.
    """
    options = option_fields(cls)
    containers: dict[str, _Container] = {}
    sets = _exclusive(options)
    for option_field in options:
        container = _container(parser, option_field, sets, containers)
        action = _add(container, option_field)
        if option_field.required:
            action.required = False
            _required(parser).append(action)
    _add_opposites(parser, options)
    add_config(parser)


def read_dataclass(cls: type[T], namespace: argparse.Namespace) -> T:
    """Return the dataclass with the values of parsed arguments.

    Args:
        cls: the dataclass of `add_dataclass`.
        namespace: the parser's result.

    Raises:
        UsageError: required arguments are missing, or two exclude each other.
        InputError: a wrong key or value in the file, or options that do not fit together.
    """
    from_command_line = {
        name.removeprefix(_PREFIX): value
        for name, value in vars(namespace).items()
        if name.startswith(_PREFIX) and value is not None and value != []
    }
    options = option_fields(cls)
    for option_field in options:
        if option_field.many and option_field.dotted in from_command_line:
            from_command_line[option_field.dotted] = tuple(from_command_line[option_field.dotted])
    from_file = config_values(cls, namespace)
    for _, members in sets_of(options):
        if any(option_field.dotted in from_command_line for option_field in members):
            from_file = {
                name: value
                for name, value in from_file.items()
                if name not in {option_field.dotted for option_field in members}
            }
    values = {**from_file, **from_command_line}
    _check_complete(options, values)
    return build(cls, values)


def _check_complete(options: Sequence[OptionField], values: Mapping[str, Any]) -> None:
    """Raise `UsageError` for missing arguments, and for two that exclude each other."""
    missing = missing_options(options, values)
    if missing:
        names = ", ".join(_shown_name(option_field) for option_field in missing)
        raise UsageError(f"the following arguments are required: {names}")
    for exactly, members in sets_of(options):
        names = " ".join(_shown_name(option_field) for option_field in members)
        present = [option_field for option_field in members if option_field.dotted in values]
        if exactly and not present:
            raise UsageError(f"one of the arguments {names} is required")
        if len(present) > 1:
            first, second = present[:2]
            raise UsageError(f"argument {second.flag}: not allowed with argument {first.flag}")


def _shown_name(option: OptionField) -> str:
    return option.flag if option.declared.positional else "/".join(option.flags)


def _required(parser: argparse.ArgumentParser) -> list[Any]:
    required: list[Any] = getattr(parser, "required", [])
    return required


def _exclusive(options: Sequence[OptionField]) -> dict[str, tuple[str, bool]]:
    """For options in an exclusive set: the set's name, and whether one of it is required."""
    return {
        option_field.dotted: (members[0].dotted, exactly)
        for exactly, members in sets_of(options)
        for option_field in members
    }


def _container(
    parser: argparse.ArgumentParser,
    option: OptionField,
    sets: Mapping[str, tuple[str, bool]],
    containers: dict[str, _Container],
) -> _Container:
    """The parser or the group for an option's argument."""
    container: _Container = parser
    if option.group is not None:
        key = f"group {option.group}"
        if key not in containers:
            containers[key] = parser.add_argument_group(option.group)
        container = containers[key]
    if option.dotted in sets:
        name, exactly = sets[option.dotted]
        key = f"set {name}"
        if key not in containers:
            containers[key] = container.add_mutually_exclusive_group()
            if exactly:
                _required(parser).append(containers[key])
        container = containers[key]
    return container


def _add(container: _Container, option: OptionField) -> argparse.Action:
    """Add one option's argument, and its unlisted names."""
    declared = option.declared
    help = argparse.SUPPRESS if declared.hidden else help_text(option)
    dest = _PREFIX + option.dotted
    settings: dict[str, Any] = {"default": argparse.SUPPRESS, **_value_settings(option)}
    if declared.positional:
        settings["metavar"] = declared.metavar or option.name
        if not option.required:
            settings |= {"nargs": "*" if option.many else "?", "default": None}
        elif option.many:
            settings["nargs"] = "+"
        result: argparse.Action = container.add_argument(dest, help=help, **settings)
        return result
    result = container.add_argument(*option.flags, dest=dest, help=help, **settings)
    unlisted = [*declared.aliases]
    if unlisted:
        container.add_argument(*unlisted, dest=dest, help=argparse.SUPPRESS, **settings)
    return result


def _add_opposites(parser: argparse.ArgumentParser, options: Sequence[OptionField]) -> None:
    """Add unlisted opposites that override a switch of a file: `--no-json` for `--json`."""
    for option_field in options:
        if option_field.type is not bool:
            continue
        flag = opposite(option_field.flag)
        if flag not in parser._option_string_actions:
            action = "store_true" if option_field.inverted else "store_false"
            hidden = argparse.SUPPRESS
            parser.add_argument(
                flag, dest=_PREFIX + option_field.dotted, action=action, default=hidden, help=hidden
            )


def _value_settings(option: OptionField) -> dict[str, Any]:
    """Settings for argparse to read the option's value."""
    if option.type is bool:
        return {"action": "store_false" if option.inverted else "store_true"}
    settings: dict[str, Any] = {"type": _reader(option)}
    if option.choices is not None and option.declared.separator is None:
        settings["choices"] = option.choices
    metavar = option.declared.metavar or _default_metavar(option)
    if metavar is not None:
        settings["metavar"] = metavar
    if option.many and not option.declared.positional and option.declared.separator is None:
        settings["action"] = "append"
    return settings


def _default_metavar(option: OptionField) -> str | None:
    if option.choices is not None and option.declared.separator is None:
        return None
    if option.declared.unit is not None:
        word = option.declared.unit.metavar
    elif option.type is int or option.type is float:
        word = "N"
    else:
        word = "FILE" if option.type is Path else option.name.upper()
    return f"{word},..." if option.declared.separator is not None else word


def _reader(option: OptionField) -> Any:
    """The function with which argparse converts a text to a value."""

    def read(text: str) -> Any:
        try:
            return parse(option, text)
        except BadValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    if option.choices is not None and option.declared.separator is None:
        return option.type
    return read


def help_text(option: OptionField) -> str:
    """Return an option's help for argparse, with its default in place of `{default}`."""
    text, default = option.declared.help, option.default
    if "{default}" in text:
        shown = "none" if default is None or default == () else text_of(option, default)
        text = text.replace("{default}", shown)
    return text.replace("%", "%%")
