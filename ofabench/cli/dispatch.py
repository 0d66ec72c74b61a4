"""From the first argument to the one module that is imported for it."""

import argparse
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ofabench.cli.command import Command, CommandGroup, add_command_names, command_name
from ofabench.cli.parser import CommandParser

METAVAR = "COMMAND"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of commands: its module, which holds `COMMAND`, and its line of help."""

    module: str
    help: str

    def load(self) -> "Command[Any] | CommandGroup | None":
        """Import the command; None for a module that has `add_parser` in its place."""
        found: Command[Any] | CommandGroup | None = getattr(
            importlib.import_module(self.module), "COMMAND", None
        )
        return found


def top_parser(table: Mapping[str, Entry], *, version: str, description: str) -> CommandParser:
    """Make the parser that lists all commands; imports none of them."""
    parser = CommandParser(prog="ofabench", description=description)
    parser.add_argument("--version", action="version", version=f"ofabench {version}")
    add_command_names(parser, {name: entry.help for name, entry in table.items()}, METAVAR)
    return parser


def dispatch(table: Mapping[str, Entry], argv: Sequence[str], parser: CommandParser) -> int:
    """Run the command that the first argument names; its exit code.

    Without any argument, the help is printed; that is bad input still.

    Args:
        table: commands by name.
        argv: arguments without the program's name.
        parser: that of `top_parser`, for `--help`, `--version` and errors.
    """
    if not argv:
        parser.print_help()
        return 2
    name = command_name(parser, argv, list(table), METAVAR)
    command = table[name].load()
    if command is None:
        return _run_module(table[name].module, argv)
    return command.main(argv[1:], f"ofabench {name}")


def _run_module(module: str, argv: Sequence[str]) -> int:
    """Run a command whose module adds its arguments to argparse itself."""
    parser = CommandParser(prog="ofabench")
    subparsers = parser.add_subparsers(dest="command", metavar=METAVAR, required=True)
    importlib.import_module(module).add_parser(subparsers)
    args: argparse.Namespace = parser.parse_args(argv)
    code: int = args.run(args)
    return code
