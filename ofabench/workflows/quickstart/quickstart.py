"""The quickstart: measure, fit, train, search, export, verify, report on this machine."""

import logging
from collections.abc import Callable
from pathlib import Path

from bench.errors import FileError, OfabenchError
from ofabench.options.quickstart import QuickstartOptions
from ofabench.workflows.pipeline import CommandLine, run_tasks
from ofabench.workflows.quickstart.tasks import NAMES, Displays, QuickstartTasks

logger = logging.getLogger(__name__)


def quickstart(
    options: QuickstartOptions,
    report: Callable[[Path, Path], str],
    *,
    displays: Displays | None = None,
    command_line: CommandLine | None = None,
) -> None:
    """Run every part of the loop whose result is not there yet; the log says what is done.

    Args:
        options: the folder, and what is drawn.
        report: writes the page (second) of a folder (first), and returns what to say of it.
        displays: what makes each part's progress; None shows nothing.
        command_line: writes the command that does the same as a part, for the log.

    Raises:
        FileError: the folder cannot be made.
        OfabenchError: a part failed; started again, the loop continues there.
    """
    loop = QuickstartTasks(
        folder=options.out,
        seed=options.seed,
        force=options.force,
        wait=options.wait,
        displays=displays or Displays(),
    )
    try:
        loop.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {loop.folder}: {error.strerror}") from error
    try:
        _run(loop, report, command_line)
    except OfabenchError:
        logger.info("stopped; started again, it continues from here")
        raise


def _run(
    loop: QuickstartTasks, report: Callable[[Path, Path], str], command_line: CommandLine | None
) -> None:
    measuring = loop.measuring()
    total = len(measuring) + 2 + (len(NAMES) - 2) + 2 * len(NAMES) + 1
    run_tasks(measuring, command_line, total=total)
    limits_ms = loop.write_ends()
    rest = [*loop.training(), *loop.searching(limits_ms)]
    for name in NAMES:
        rest += loop.shipping(name)
    rest.append(loop.reporting(report))
    run_tasks(rest, command_line, done=len(measuring), total=total)
