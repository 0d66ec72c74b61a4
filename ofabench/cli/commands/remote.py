"""`ofabench remote`: what is left on phones, boards and servers."""

import json
from dataclasses import dataclass

from bench.options import Options, nested
from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.options import shared
from ofabench.options.remote import RemoteCleanOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCleanCommand(Options):
    """Options of `ofabench remote clean`."""

    clean: RemoteCleanOptions = nested(RemoteCleanOptions)
    json: bool = shared.json()


def run(options: RemoteCleanCommand) -> int:
    """Remove everything of ours, and print what it was."""
    from ofabench.workflows.remote_cleaning import clean_remote

    cleaning = clean_remote(options.clean.device, options.clean.device_options)
    print(json.dumps(cleaning.to_dict(), indent=2) if options.json else cleaning)
    return 0


COMMAND = CommandGroup(
    name="remote",
    help="remove what measuring left on a phone, board or server",
    commands=(
        Command(
            name="clean",
            help="remove everything of ofabench from a device, and say what",
            description="Removes the runner, model files and job in our folder on the device, and "
            "the contents that workers have received there. An ofabench that you have installed "
            "there stays, and what else is in the folder stays and is named.",
            options=RemoteCleanCommand,
            run=run,
        ),
    ),
)
