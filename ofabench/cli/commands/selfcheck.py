"""`ofabench selfcheck`: check a device's outputs and latencies, for a report."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.selfcheck import SelfCheckRequest

if TYPE_CHECKING:
    from ofabench.workflows.pipeline import Task
    from ofabench.workflows.sweep.self_check import CheckedDevice

EXIT_FAILED_CHECK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckCommand(SelfCheckRequest):
    """Options of `ofabench selfcheck`."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: SelfCheckCommand) -> int:
    """Check the device, write the folder, and print the results."""
    if options.of_gpu:
        return _run_gpu(options)
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.self_check import check_device

    checked = check_device(options, get_sweep_progress(options.progress))
    if options.json:
        print(json.dumps(checked.to_dict(), allow_nan=False))
    else:
        _show(checked)
    return 0 if checked.passed else EXIT_FAILED_CHECK


def _run_gpu(options: SelfCheckCommand) -> int:
    """Check a GPU in full; each task is logged with its equivalent command."""
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.gpu_check import check_gpu

    checked = check_gpu(options, lambda: get_sweep_progress(options.progress), _command_line)
    if options.json:
        print(json.dumps(checked.to_dict(), allow_nan=False))
    else:
        print("\n".join(checked.lines()))
    return 0 if checked.passed else EXIT_FAILED_CHECK


def _command_line(task: "Task") -> str:
    """Return the command that is equivalent to a task of the check."""
    from ofabench.cli.commands.fit import FitCommand
    from ofabench.cli.derived.equivalent import equivalent_command
    from ofabench.options.evaluate import EvaluateOptions
    from ofabench.options.sweep import SweepRequest
    from ofabench.options.table import TableBuildOptions

    classes = {
        "selfcheck": SelfCheckRequest,
        "sweep": SweepRequest,
        "table build": TableBuildOptions,
        "fit": FitCommand,
        "evaluate": EvaluateOptions,
    }
    return equivalent_command(task.command, classes[task.command](**task.options))


def _show(checked: "CheckedDevice") -> None:
    check = checked.check
    worst = max(check.outputs.values())
    verdict = "correct" if check.passed else "WRONG"
    figures = check.repeatability
    print(f"{check.address}  {check.target.key}")
    print(
        f"  outputs        of {len(check.outputs)} blocks {verdict}: {worst:.1e} of the largest at "
        f"most, allowed {check.tolerance:.0e}"
    )
    print(
        f"  repeatability  {figures['common']:.0f} blocks swept twice: median "
        f"{figures['difference_median']:.1%}, 95th percentile {figures['difference_p95']:.1%} "
        f"(drift-corrected {figures['difference_median_level_out']:.1%}, "
        f"{figures['difference_p95_level_out']:.1%})"
    )
    print(f"  samples        {check.timed_share:.0%} of the wall time")
    print(f"  facts, latencies and samples are in {checked.folder}")


COMMAND = Command(
    name="selfcheck",
    help="check a device from end to end, and write the results",
    description="Checks facts, outputs (against torch on this machine), and two sweeps against "
    "each other. Exit code 1 if an output is wrong. Developers without the device may ask for "
    "this folder; read it before you send it, since selfcheck.json has all facts of facts.json.",
    options=SelfCheckCommand,
    run=run,
)
