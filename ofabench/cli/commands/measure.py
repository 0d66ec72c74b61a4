"""`ofabench measure`: latencies of ONNX and TFLite files of any origin."""

import json
from dataclasses import dataclass

from ofabench.cli.derived.command import Command
from ofabench.cli.derived.equivalent import equivalent_command
from ofabench.options import shared
from ofabench.options.measure import MeasureRequest

EXIT_FAILED_CHECK, EXIT_BAD_INPUT = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureCommand(MeasureRequest):
    """A measurement, and how it is shown."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: MeasureCommand) -> int:
    """Measure, print, write, and hold against limits."""
    from bench.files import write_text
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.measure.gate import hold_against
    from ofabench.workflows.measure.measure import measure_request

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


COMMAND = Command(
    name="measure",
    help="measure ONNX or TFLite files of any origin",
    description="All files of one runtime are measured in the same rounds, in random order. Exit "
    "code 1 where a limit of --fail-above or --fail-slower is not met, 2 where a file could not "
    "be measured; the others are measured all the same.",
    options=MeasureCommand,
    run=run,
)
