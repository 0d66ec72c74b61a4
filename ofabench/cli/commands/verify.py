"""`ofabench verify`: an exported network, measured, beside what was predicted of it."""

import json
from dataclasses import dataclass

from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.verify import VerifyRequest

EXIT_FAILED_CHECK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyCommand(VerifyRequest):
    """A verification, and how it is shown."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: VerifyCommand) -> int:
    """Measure, print all figures and verdicts; the exit code is that of this measurement."""
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.deploy.verify import verify_from

    measured, shown = verify_from(options, get_sweep_progress(options.progress))
    print(json.dumps(shown.to_dict(), allow_nan=False) if options.json else shown)
    return EXIT_FAILED_CHECK if measured.failed else 0


COMMAND = Command(
    name="verify",
    help="measure an exported network, judge it by its prediction and its limit",
    description="Exit code 1 where the latency is out of tolerance of its prediction "
    "(drift-corrected where drift can be told, else as measured), or above the search's limit "
    "(always as measured). A file of another precision than the predictor's is measured, and "
    "shown beside the prediction without a verdict.",
    options=VerifyCommand,
    run=run,
)
