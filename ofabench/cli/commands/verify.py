"""`ofabench verify`: measure an exported network, compare with prediction and limit."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from ofabench.cli.derived.command import Command
from ofabench.cli.derived.equivalent import equivalent_command
from ofabench.options import shared
from ofabench.options.verify import VerifyRequest

EXIT_FAILED_CHECK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyCommand(VerifyRequest):
    """Options of `ofabench verify`."""

    fleet: Path | None = shared.fleet(
        "verify on the devices of a fleet, in parallel; --out and --keep are folders"
    )
    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: VerifyCommand) -> int:
    """Measure and print figures and verdicts; the exit code is that of this measurement."""
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.deploy.verify import verify_from

    if options.fleet is not None:
        return _run_fleet(options, options.fleet)
    if options.tries > 1:
        return _run_tries(options)
    measured, stored = verify_from(options, get_sweep_progress(options.progress))
    print(json.dumps(stored.to_dict(), allow_nan=False) if options.json else stored)
    return EXIT_FAILED_CHECK if measured.failed else 0


def _run_tries(options: VerifyCommand) -> int:
    """Measure several times; exit code 0 if every try and MLPerf's rule pass."""
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.deploy.repeated_verification import verify_tries

    resume_command = equivalent_command("verify", options, skip=("progress", "json"))
    tries = verify_tries(
        _request(options), get_sweep_progress(options.progress), resume_with=resume_command
    )
    print(json.dumps(tries.to_dict(), allow_nan=False) if options.json else tries)
    return EXIT_FAILED_CHECK if tries.failed else 0


def _run_fleet(options: VerifyCommand, fleet: Path) -> int:
    """Verify on every device of a fleet; the exit code is the largest of the devices'."""
    from ofabench.display.fleet import fleet_display
    from ofabench.workflows.fleet.verify import verify_fleet

    with fleet_display(options.progress) as display:
        result = verify_fleet(_request(options), fleet, display)
    print(json.dumps(result.to_dict(), allow_nan=False) if options.json else result)
    return result.code


def _request(options: VerifyCommand) -> VerifyRequest:
    """Return the request without what is of the command line only, for a worker process."""
    return VerifyRequest(
        **{field.name: getattr(options, field.name) for field in fields(VerifyRequest)}
    )


COMMAND = Command(
    name="verify",
    help="measure an exported network, compare it with its prediction and its limit",
    description="Measures the file and compares the latency with prediction and limit. Exit code 1 "
    "if the latency is not within tolerance of its prediction "
    "(drift-corrected if drift is known, else as measured), or above the search's limit (always "
    "as measured). A file of another precision than the predictor's is measured and shown with "
    "the prediction, without a verdict. With --tries, exit code 1 if any try fails, or if five or "
    "more tries differ by more than MLPerf Mobile's 5 percent.",
    options=VerifyCommand,
    run=run,
)
