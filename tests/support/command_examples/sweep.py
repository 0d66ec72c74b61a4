from ofabench.cli.derived.command import Command
from tests.support.option_examples import CommandExample


def run(options: CommandExample) -> int:
    print(options.space)
    return 3


COMMAND = Command(name="sweep", help="measure", options=CommandExample, run=run)
