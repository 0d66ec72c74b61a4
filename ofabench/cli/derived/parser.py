"""Argument parser with one-line errors and suggestions."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from bench.errors import OfabenchError
from ofabench.cli.derived.did_you_mean import suggestion

EXIT_BAD_INPUT = 2


class CommandParser(argparse.ArgumentParser):
    """Parser of one command; required options may also come from a file.

    `required` has the actions whose values must be given on the command line or in a file.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self.required: list[Any] = []

    def error(self, message: str) -> NoReturn:
        """Print the message in one line with a pointer to the help, and exit with 2."""
        line = " ".join(message.split())
        self.exit(EXIT_BAD_INPUT, f"ofabench: {line} (see `{self.prog} --help`)\n")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse arguments; the error for unknown ones has a suggestion."""
        result, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = suggestion(unknown, listed_flags(self))
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return result

    def format_usage(self) -> str:
        """Return the usage, with required arguments shown as required."""
        with self._shown_as_required():
            return super().format_usage()

    def format_help(self) -> str:
        """Return the help, with required arguments shown as required."""
        with self._shown_as_required():
            return super().format_help()

    @contextmanager
    def _shown_as_required(self) -> Iterator[None]:
        for action in self.required:
            action.required = True
        try:
            yield
        finally:
            for action in self.required:
                action.required = False


class UsageError(OfabenchError):
    """Incomplete or conflicting arguments; reported by the parser's `error`."""


def listed_flags(parser: argparse.ArgumentParser) -> list[str]:
    """Return the option names in a parser's help."""
    return [
        flag
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        for flag in action.option_strings
    ]
