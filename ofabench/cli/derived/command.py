"""`Command`: a name, its options, and its function.

A command's module has the dataclass of its options, a function, and the declaration; see the
example in `ofabench.cli`. Output options (`--json`, `--progress`, `--out`) are fields of the
command's dataclass, next to the nested options of the library's function:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class SweepCommand(Options):
        space: str = shared.space()
        sweep: SweepOptions = nested(SweepOptions)      # of ofabench.workflows.sweep
        progress: str = shared.progress()
        json: bool = shared.json()
        out: Path = shared.out("SWEEP.sqlite")
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bench.options.base import Options
from ofabench.cli.derived.dataclass_arguments import add_dataclass, read_dataclass
from ofabench.cli.derived.did_you_mean import unknown_command
from ofabench.cli.derived.parser import CommandParser, UsageError

T = TypeVar("T", bound=Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[T]):
    """A command: `run` takes its options and returns the exit code.

    `help` is one line. `description` is the text of the command's help page (default: `help`), or a
    function if it takes time to make. With `raw`, line breaks of description and epilog are kept.
    """

    name: str
    help: str
    options: type[T]
    run: Callable[[T], int]
    description: str | Callable[[], str] | None = None
    epilog: str | None = None
    raw: bool = False

    def parser(self, prog: str) -> CommandParser:
        """Return the command's parser; `prog` is its full name, with the program's."""
        parser = CommandParser(
            prog=prog,
            description=_text(self.description) or _sentence(self.help),
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter
            if self.raw
            else argparse.HelpFormatter,
        )
        add_dataclass(parser, self.options)
        return parser

    def main(self, argv: Sequence[str], prog: str) -> int:
        """Run the command with the arguments after its name."""
        parser = self.parser(prog)
        namespace = parser.parse_args(argv)
        try:
            options = read_dataclass(self.options, namespace)
        except UsageError as error:
            parser.error(str(error))
        return self.run(options)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGroup:
    """A command with sub-commands, such as `table` with `build` and `show`."""

    name: str
    help: str
    commands: tuple[Command[Any], ...]
    description: str | None = None
    metavar: str = "ACTION"

    def parser(self, prog: str) -> CommandParser:
        """Return the parser that lists the commands."""
        parser = CommandParser(prog=prog, description=self.description or _sentence(self.help))
        lines = {command.name: command.help for command in self.commands}
        add_command_names(parser, lines, self.metavar)
        return parser

    def main(self, argv: Sequence[str], prog: str) -> int:
        """Run the command that the first argument names, with the arguments after it."""
        commands = {command.name: command for command in self.commands}
        parser = self.parser(prog)
        name = command_name(parser, argv, list(commands), self.metavar)
        return commands[name].main(argv[1:], f"{prog} {name}")


def _text(text: str | Callable[[], str] | None) -> str | None:
    """The text, or the result of a function that makes it."""
    return text() if callable(text) else text


def _sentence(line: str) -> str:
    """Return a line of help as a sentence."""
    return f"{line[:1].upper()}{line[1:]}." if line else ""


def add_command_names(
    parser: argparse.ArgumentParser, lines: "dict[str, str]", metavar: str
) -> None:
    """Add commands to a help text, each with its line, without importing them."""
    names = parser.add_subparsers(dest="command", metavar=metavar, required=True)
    for name, line in lines.items():
        names.add_parser(name, help=line.replace("%", "%%"), add_help=False)


def command_name(
    parser: CommandParser, argv: Sequence[str], known: Sequence[str], metavar: str
) -> str:
    """Return the command in the first argument; else print help or an error, and exit."""
    first = argv[0] if argv else "-"
    if first in known:
        return first
    if not first.startswith("-"):
        parser.error(f"argument {metavar}: {unknown_command(first, known)}")
    if first != "-":
        parser.parse_args(argv[:1])  # --help or --version, which exit
    return parser.error(f"the following arguments are required: {metavar}")
