"""`ofabench verify`: an exported network, measured, beside what was predicted of it."""

import json
from dataclasses import dataclass, fields

from ofabench.cli.derived.command import Command
from ofabench.cli.derived.equivalent import equivalent_command
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

    if options.tries > 1:
        return _run_tries(options)
    measured, shown = verify_from(options, get_sweep_progress(options.progress))
    print(json.dumps(shown.to_dict(), allow_nan=False) if options.json else shown)
    return EXIT_FAILED_CHECK if measured.failed else 0


def _run_tries(options: VerifyCommand) -> int:
    """Measure several times; the exit code is 0 where every try passes, and MLPerf's rule."""
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.deploy.repeated_verification import verify_tries

    request = VerifyRequest(**{f.name: getattr(options, f.name) for f in fields(VerifyRequest)})
    again = equivalent_command("verify", options, skip=("progress", "json"))
    done = verify_tries(request, get_sweep_progress(options.progress), resume_with=again)
    print(json.dumps(done.to_dict(), allow_nan=False) if options.json else done)
    return EXIT_FAILED_CHECK if done.failed else 0


COMMAND = Command(
    name="verify",
    help="measure an exported network, judge it by its prediction and its limit",
    description="Exit code 1 where the latency is out of tolerance of its prediction "
    "(drift-corrected where drift is known, else as measured), or above the search's limit "
    "(always as measured). A file of another precision than the predictor's is measured, and "
    "shown beside the prediction without a verdict. With --tries, exit code 1 where any try fails "
    "so, or where five or more lie further apart than MLPerf Mobile's 5 percent.",
    options=VerifyCommand,
    run=run,
)
