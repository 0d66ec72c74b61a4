"""Every command with its options, from the declarations that `--help` prints."""

import argparse
import re
from collections.abc import Iterator
from typing import Any

from docs.site.definitions import definition
from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.cli.main import commands

_ALWAYS = ("--help", "--config")  # of every command: the page says so once


def command_reference() -> str:
    """Return a section for each command, as Markdown."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    for name, entry in commands().items():
        command = entry.load()
        yield f"## {name}\n"
        if isinstance(command, CommandGroup):
            yield f"{_sentence(command.description or entry.help)}\n"
            for inner in command.commands:
                yield f"### {name} {inner.name}\n"
                yield from _body(inner, f"ofabench {name} {inner.name}")
        else:
            yield from _body(command, f"ofabench {name}")


def _body(command: Command[Any], prog: str) -> Iterator[str]:
    parser = command.parser(prog)
    yield f"{_description(command)}\n"
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if _is_shown(action)]
        if group.title not in ("options", "positional arguments") and actions:
            yield f"*{(group.title or '').capitalize()}*\n"
        required = [action for action in parser.required if isinstance(action, argparse.Action)]
        for action in actions:
            yield definition(_name(action), _help(action, required=action in required))


def _is_shown(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS and not set(action.option_strings) & set(_ALWAYS)


def _name(action: argparse.Action) -> str:
    """The option with its value, as in a help text."""
    value = action.metavar or "|".join(map(str, action.choices or ()))
    if action.nargs == 0:
        value = ""
    return " ".join(filter(None, [", ".join(action.option_strings), str(value)]))


def _help(action: argparse.Action, *, required: bool) -> str:
    text = (action.help or "").replace("%%", "%")
    return f"{text}; required" if required and action.option_strings else text


def _description(command: Command[Any]) -> str:
    """A command's description; of one that is computed, the first sentences."""
    text = command.description or command.help
    if callable(text):
        paragraph = text().split("\n\n")[0]
        return re.sub(r"[^.;]*:$", "", paragraph)
    first, *rest = text.split("\n\n") if command.raw else [text]
    fenced = "\n\n".join(rest)
    return _sentence(first) + (f"\n\n```text\n{fenced}\n```" if fenced else "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", ":")) else ".")
