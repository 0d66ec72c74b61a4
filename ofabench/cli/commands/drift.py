"""`ofabench drift`: measure the anchor networks of a sweep again, in later sessions."""

import json
from dataclasses import dataclass
from pathlib import Path

from ofabench.cli.derived.command import Command
from ofabench.cli.derived.equivalent import equivalent_command
from ofabench.options import shared
from ofabench.options.drift import DriftRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftCommand(DriftRequest):
    """Options of `ofabench drift`."""

    fleet: Path | None = shared.fleet("measure the anchors of a fleet's sweeps, in parallel")
    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: DriftCommand) -> int:
    """Measure the anchors, and print all sessions."""
    if options.fleet is not None:
        return _run_fleet(options, options.fleet)
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.drift import drift_request

    report = drift_request(
        options,
        get_sweep_progress(options.progress),
        resume_with=equivalent_command("drift", options, skip=("progress", "json")),
    )
    print(json.dumps(report.to_dict(), allow_nan=False) if options.json else report)
    return 0


def _run_fleet(options: DriftCommand, fleet: Path) -> int:
    """Extend the logs of a fleet; exit code 2 if one failed, 130 if they were stopped."""
    from ofabench.display.fleet import fleet_display
    from ofabench.workflows.fleet.drift import drift_fleet_request

    with fleet_display(options.progress) as display:
        result = drift_fleet_request(options, fleet, display, default_device="cpu")
    print(json.dumps(result.to_dict(), allow_nan=False) if options.json else result)
    return result.code


COMMAND = Command(
    name="drift",
    help="measure the anchor networks of a sweep again, to estimate drift between sessions",
    description="One measurement session of up to five networks of the sweep takes under 30 s and "
    "is stored in the sweep's file; `table build` and `fit` pass the log on. Each session is "
    "measured in a new process, and begins at least five minutes after the end of the previous "
    "one.",
    options=DriftCommand,
    run=run,
)
