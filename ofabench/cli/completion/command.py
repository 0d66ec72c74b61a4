"""`ofabench completion`: print a shell completion script."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.options import Options, option
from ofabench.cli.completion import bash, zsh
from ofabench.cli.completion.completions import completions
from ofabench.cli.derived.command import Command
from ofabench.cli.derived.command_entry import Entry

SHELLS = {"bash": bash.script, "zsh": zsh.script}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionOptions(Options):
    """Options of `ofabench completion`."""

    shell: str = option(positional=True, choices=tuple(SHELLS), help="")


def completion_command(table: Mapping[str, Entry], help: str) -> Command[CompletionOptions]:
    """Return the command that prints a script for the commands of a table."""

    def run(options: CompletionOptions) -> int:
        print(SHELLS[options.shell](completions(table)), end="")
        return 0

    return Command(
        name="completion",
        help=help,
        description='bash: add eval "$(ofabench completion bash)" to ~/.bashrc. zsh: add '
        'eval "$(ofabench completion zsh)" to ~/.zshrc, after compinit.',
        options=CompletionOptions,
        run=run,
    )
