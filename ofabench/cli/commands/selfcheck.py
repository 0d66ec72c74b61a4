"""`ofabench selfcheck`: checks a device's outputs and latencies, for a report to us."""

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
    """A check of a device, and how it is printed."""

    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: SelfCheckCommand) -> int:
    """Check, write the folder, and say how it went."""
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
    """Check everything about a GPU, each part with the command that does the same."""
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.gpu_check import check_gpu

    checked = check_gpu(options, lambda: get_sweep_progress(options.progress), _command_line)
    if options.json:
        print(json.dumps(checked.to_dict(), allow_nan=False))
    else:
        print("\n".join(checked.lines()))
    return 0 if checked.passed else EXIT_FAILED_CHECK


def _command_line(task: "Task") -> str:
    """Write the command that does the same as a part of the check."""
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
    found = checked.check
    worst = max(found.outputs.values())
    verdict = "as they must be" if found.passed else "WRONG"
    figures = found.repeatability
    print(f"{found.address}  {found.target.key}")
    print(
        f"  outputs        of {len(found.outputs)} blocks {verdict}: {worst:.1e} of the largest at "
        f"most, allowed {found.tolerance:.0e}"
    )
    print(
        f"  repeatability  {figures['common']:.0f} blocks swept twice: median "
        f"{figures['difference_median']:.1%}, 95th percentile {figures['difference_p95']:.1%} "
        f"(drift-corrected {figures['difference_median_level_out']:.1%}, "
        f"{figures['difference_p95_level_out']:.1%})"
    )
    print(f"  timed calls    {found.timed_share:.0%} of the wall time")
    print(f"  facts, latencies and samples are in {checked.folder}")


COMMAND = Command(
    name="selfcheck",
    help="check a device from end to end, and write what was found",
    description="Facts, outputs against torch's here, and two sweeps against each other. "
    "Exit code 1 where an output is wrong. The folder is what developers who lack the device "
    "ask for; read it before you send it: facts.json's lines are in selfcheck.json.",
    options=SelfCheckCommand,
    run=run,
)
