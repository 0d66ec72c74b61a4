"""`ofabench deploy`: from a supernet and a search, or its result, to a deployment folder."""

import json
from dataclasses import dataclass

from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.deploy import DeployRequest

EXIT_FAILED_CHECK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployCommand(DeployRequest):
    """A deployment, and how it is shown."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: DeployCommand) -> int:
    """Make the folder, and say what is in it."""
    from ofabench.display.live_search import get_look
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.deploy.deploy import deploy_from

    made = deploy_from(options, get_sweep_progress(options.progress), get_look())
    print(json.dumps(made.to_dict(), allow_nan=False) if options.json else made)
    return EXIT_FAILED_CHECK if made.failed else 0


COMMAND = Command(
    name="deploy",
    help="search, extract, export, check and verify in one go; leaves a folder to hand on",
    description="The folder holds the model, its card (card.json, and card.md for people), the "
    "search's result and SHA256SUMS. Exit code 1 where a prediction is out of tolerance or a "
    "limit is not met: the folder is left, and its card says so.",
    options=DeployCommand,
    run=run,
)
