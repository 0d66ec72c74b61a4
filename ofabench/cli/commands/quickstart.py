"""`ofabench quickstart`: run the whole loop on this machine, with the space `tiny`."""

import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.derived.command import Command
from ofabench.options.quickstart import QuickstartOptions

if TYPE_CHECKING:
    from ofabench.workflows.pipeline import Task

EXIT_FAILED_CHECK = 1


def run(options: QuickstartOptions) -> int:
    """Run every task, then print predictions, measurements and counts of verdicts."""
    from bench.extras import check_extra
    from ofabench.display.live_search import get_search_watcher
    from ofabench.display.progress import (
        get_progress,
        get_sweep_progress,
        get_training_progress,
    )
    from ofabench.report.outcome import counts_of, outcome_text, read_outcomes
    from ofabench.workflows.quickstart.quickstart import quickstart
    from ofabench.workflows.quickstart.tasks import Displays

    check_extra("plotly", "the quickstart's report page needs")
    started = time.monotonic()
    displays = Displays(
        measuring=lambda: get_sweep_progress("bar"),
        training=lambda: get_training_progress("bar"),
        working=lambda: get_progress("bar"),
        searching=get_search_watcher,
    )
    quickstart(options, _report, displays=displays, command_line=command_line)
    outcomes = read_outcomes(options.out)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    summary = f"{minutes} min {seconds} s in all; open {options.out / 'report.html'}"
    print(summary, file=sys.stderr, flush=True)
    print(outcome_text(outcomes))
    print(counts_of(outcomes))
    return EXIT_FAILED_CHECK if any(outcome.failed for outcome in outcomes) else 0


def command_line(task: "Task") -> str:
    """Return the command that is equivalent to a task of the loop."""
    from ofabench.cli.derived.equivalent import equivalent_command

    name, *actions = task.command.split()
    command: Any = importlib.import_module(f"ofabench.cli.commands.{name}").COMMAND
    for action in actions:
        command = next(member for member in command.commands if member.name == action)
    return equivalent_command(task.command, command.options.read(task.options))


def _report(folder: Path, page: Path) -> str:
    from ofabench.report.write import write_report

    return write_report((folder,), page)


COMMAND = Command(
    name="quickstart",
    help="run the whole loop on this machine, in a few minutes",
    description="Measures this CPU, fits and checks a latency predictor, trains a small "
    "supernet, searches it under three limits, exports and measures the chosen networks. A second "
    "start continues an interrupted run. Exit code 1 if a limit is not met or a prediction is not "
    "within tolerance.",
    options=QuickstartOptions,
    run=run,
)
