"""An argument parser with one-line errors and suggestions."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from bench.errors import OfabenchError
from ofabench.cli.derived.did_you_mean import suggestion

EXIT_BAD_INPUT = 2


class CommandParser(argparse.ArgumentParser):
    """A parser of one command; what a file may give is required only after parsing.

    `required` holds the actions whose values must be given on the command line or in a file.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self.required: list[Any] = []

    def error(self, message: str) -> NoReturn:
        """Print one line that says what to do next, and exit with 2."""
        line = " ".join(message.split())
        self.exit(EXIT_BAD_INPUT, f"ofabench: {line} (see `{self.prog} --help`)\n")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse arguments; those that are unknown are named, with what may have been meant."""
        result, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = suggestion(unknown, listed_flags(self))
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return result

    def format_usage(self) -> str:
        """Write the usage, where required arguments are shown as such."""
        with self._shown_as_required():
            return super().format_usage()

    def format_help(self) -> str:
        """Write the help, where required arguments are shown as such."""
        with self._shown_as_required():
            return super().format_help()

    @contextmanager
    def _shown_as_required(self) -> Iterator[None]:
        for each in self.required:
            each.required = True
        try:
            yield
        finally:
            for each in self.required:
                each.required = False


class UsageError(OfabenchError):
    """Arguments that do not make a whole command; its parser's `error` says so."""


def listed_flags(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of a parser's options that its help lists."""
    return [
        flag
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for flag in action.option_strings
    ]
