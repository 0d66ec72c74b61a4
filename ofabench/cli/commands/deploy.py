"""`ofabench deploy`: make a deployment folder from a supernet and a search or its result."""

import json
from dataclasses import dataclass

from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.deploy import DeployRequest

EXIT_FAILED_CHECK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployCommand(DeployRequest):
    """Options of `ofabench deploy`."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: DeployCommand) -> int:
    """Make the folder, and print its contents."""
    from ofabench.display.live_search import get_search_watcher
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.deploy.deploy import deploy_from

    deployment = deploy_from(options, get_sweep_progress(options.progress), get_search_watcher())
    print(json.dumps(deployment.to_dict(), allow_nan=False) if options.json else deployment)
    return EXIT_FAILED_CHECK if deployment.failed else 0


COMMAND = Command(
    name="deploy",
    help="search, extract, export, check and verify in one command; makes a folder to ship",
    description="The folder has the model, its card (card.json, and card.md to read), the "
    "search's result and SHA256SUMS. Exit code 1 if a prediction is not within tolerance or a "
    "limit is not met: the folder is kept, and its card says so.",
    options=DeployCommand,
    run=run,
)
