"""The quickstart: measure, fit, train, search, export, verify, report on this machine."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.errors import FileError, OfabenchError
from ofabench.options.quickstart import QuickstartOptions
from ofabench.workflows.command_script import FILE, write_script
from ofabench.workflows.pipeline import CommandLine, Task, run_tasks
from ofabench.workflows.quickstart.tasks import NAMES, Displays, QuickstartTasks

logger = logging.getLogger(__name__)


def quickstart(
    options: QuickstartOptions,
    report: Callable[[Path, Path], str],
    *,
    displays: Displays | None = None,
    command_line: CommandLine | None = None,
) -> None:
    """Run every task of the loop whose result does not exist yet; the log names each task.

    Args:
        options: the folder, and the seed.
        report: writes the report of a folder (first argument) to a page (second), returns a text
            for the log.
        displays: functions that return each task's display; None shows nothing.
        command_line: returns the equivalent command of a task, for the log.

    Raises:
        FileError: the folder cannot be made.
        OfabenchError: a task failed; a second start continues there.
    """
    tasks = QuickstartTasks(
        folder=options.out,
        seed=options.seed,
        force=options.force,
        wait=options.wait,
        displays=displays or Displays(),
    )
    try:
        tasks.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot create the folder {tasks.folder}: {error.strerror}") from error
    try:
        _run(tasks, report, command_line)
    except OfabenchError:
        logger.info("stopped; a second start continues from here")
        raise


def _run(
    tasks: QuickstartTasks, report: Callable[[Path, Path], str], command_line: CommandLine | None
) -> None:
    measuring = tasks.measuring()
    total = len(measuring) + 2 + (len(NAMES) - 2) + 2 * len(NAMES) + 1
    run_tasks(measuring, command_line, total=total)
    limits_ms = tasks.write_ends()
    other_tasks = [*tasks.training(), *tasks.searching(limits_ms)]
    for name in NAMES:
        other_tasks += tasks.shipping(name)
    other_tasks.append(tasks.reporting(report))
    if command_line is not None:
        commands = [command_line(_from_scratch(task)) for task in (*measuring, *other_tasks)]
        write_script(tasks.folder / FILE, commands)
    run_tasks(other_tasks, command_line, done=len(measuring), total=total)


def _from_scratch(task: Task) -> Task:
    """The task as it is where nothing was begun before."""
    if "resume" not in task.options:
        return task
    return replace(task, options={**task.options, "resume": False})
