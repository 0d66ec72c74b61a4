"""Dispatch of the command line: imports only the module of the given command."""

from collections.abc import Mapping, Sequence

from ofabench.cli.derived.command import add_command_names, command_name
from ofabench.cli.derived.command_entry import Entry
from ofabench.cli.derived.parser import CommandParser

METAVAR = "COMMAND"
COMPLETION = "completion"
_COMPLETION_HELP = "print a script for bash or zsh that completes command lines"


def top_parser(table: Mapping[str, Entry], *, version: str, description: str) -> CommandParser:
    """Return the parser that lists all commands and `completion`; imports none of them."""
    parser = CommandParser(prog="ofabench", description=description)
    parser.add_argument("--version", action="version", version=f"ofabench {version}")
    lines = {name: entry.help for name, entry in table.items()}
    add_command_names(parser, {**lines, COMPLETION: _COMPLETION_HELP}, METAVAR)
    return parser


def dispatch(table: Mapping[str, Entry], argv: Sequence[str], parser: CommandParser) -> int:
    """Run the command that the first argument names; return its exit code.

    Without arguments it prints the help and returns 2.

    Args:
        table: commands by name.
        argv: arguments without the program's name.
        parser: the parser of `top_parser`, for `--help`, `--version` and errors.
    """
    if not argv:
        parser.print_help()
        return 2
    name = command_name(parser, argv, [*table, COMPLETION], METAVAR)
    if name == COMPLETION:
        from ofabench.cli.completion.command import completion_command

        return completion_command(table, _COMPLETION_HELP).main(argv[1:], f"ofabench {name}")
    return table[name].load().main(argv[1:], f"ofabench {name}")
