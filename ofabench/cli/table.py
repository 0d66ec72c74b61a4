"""Lines of the table of commands."""

import importlib
from dataclasses import dataclass
from typing import Any

from ofabench.cli.command import Command, CommandGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of commands: its module, which holds `COMMAND`, and its line of help."""

    module: str
    help: str

    def load(self) -> Command[Any] | CommandGroup | None:
        """Import the command; None for a module that has `add_parser` in its place."""
        found: Command[Any] | CommandGroup | None = getattr(
            importlib.import_module(self.module), "COMMAND", None
        )
        return found
