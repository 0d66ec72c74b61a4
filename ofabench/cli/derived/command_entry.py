"""Lines of the table of commands."""

import importlib
from dataclasses import dataclass
from typing import Any

from ofabench.cli.derived.command import Command, CommandGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of commands: its module, which holds `COMMAND`, and its line of help."""

    module: str
    help: str

    def load(self) -> Command[Any] | CommandGroup:
        """Import the command."""
        found: Command[Any] | CommandGroup = importlib.import_module(self.module).COMMAND
        return found
