"""`ofabench measure`: latencies of ONNX and TFLite files of any origin."""

import json
from dataclasses import dataclass
from pathlib import Path

from ofabench.cli.derived.command import Command
from ofabench.cli.derived.equivalent import equivalent_command
from ofabench.options import shared
from ofabench.options.measure import MeasureRequest

EXIT_FAILED_CHECK, EXIT_BAD_INPUT = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureCommand(MeasureRequest):
    """A measurement, and how it is shown."""

    fleet: Path | None = shared.fleet(
        "measure on the devices of a fleet, in parallel; --out, --keep and --baseline are folders"
    )
    progress: str = shared.progress()
    json: bool = shared.json()

    def check(self) -> None:
        """See that options fit together, and that --out can be written."""
        MeasureRequest.check(self)
        if self.fleet is None:
            self.check_out()


def run(options: MeasureCommand) -> int:
    """Measure, print, write, and hold against limits."""
    from bench.files import write_text
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.measure.gate import hold_against
    from ofabench.workflows.measure.measure import measure_request

    if options.fleet is not None:
        return _run_fleet(options, options.fleet)
    again = equivalent_command("measure", options, skip=("progress", "json", "resume"))
    measured = measure_request(
        options, get_sweep_progress(options.progress), resume_with=f"{again} --resume"
    )
    if options.out is not None:
        measured.save(options.out)
    if options.wide is not None:
        write_text(options.wide, measured.wide.to_csv())
    gate = hold_against(measured, options.gate)
    if options.json:
        print(json.dumps({**measured.to_dict(), "gate": gate.to_dict()}, allow_nan=False))
    else:
        print("\n".join([str(measured), *gate.lines()]))
    if measured.failures:
        return EXIT_BAD_INPUT
    return EXIT_FAILED_CHECK if gate.failures else 0


def _run_fleet(options: MeasureCommand, fleet: Path) -> int:
    """Measure on every device of a fleet; the exit code is the largest of the devices'."""
    from bench.files import write_text
    from ofabench.display.fleet import fleet_display
    from ofabench.workflows.fleet.measure import measure_fleet

    with fleet_display(options.progress) as display:
        result = measure_fleet(options, fleet, display)
    if options.wide is not None:
        write_text(options.wide, result.wide.to_csv())
    print(json.dumps(result.to_dict(), allow_nan=False) if options.json else result)
    return result.code


COMMAND = Command(
    name="measure",
    help="measure ONNX or TFLite files of any origin",
    description="All files of one runtime are measured in the same rounds, in random order. Exit "
    "code 1 where a limit of --fail-above or --fail-slower is not met, 2 where a file could not "
    "be measured; the others are measured all the same.",
    options=MeasureCommand,
    run=run,
)
