"""Entry of the table of commands, imported on use."""

import importlib
from dataclasses import dataclass
from typing import Any

from ofabench.cli.derived.command import Command, CommandGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry of the table of commands: its module, which has `COMMAND`, and its line of help."""

    module: str
    help: str

    def load(self) -> Command[Any] | CommandGroup:
        """Import the command."""
        command: Command[Any] | CommandGroup = importlib.import_module(self.module).COMMAND
        return command
