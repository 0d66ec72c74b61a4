"""Pipeline of tasks: finished results are kept, so that a second start continues."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)
CommandLine = Callable[["Task"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task: its result file, its function, and the equivalent command.

    `command` is the command's name and `options` its options by field name; `work` runs it and
    writes the file `makes`.
    """

    title: str
    command: str
    options: Mapping[str, Any]
    makes: Path
    work: Callable[[], object]


def run_tasks(
    tasks: Sequence[Task],
    command_line: CommandLine | None = None,
    *,
    done: int = 0,
    total: int | None = None,
) -> None:
    """Run the tasks in order, skipping those whose result exists; each is logged.

    Args:
        tasks: the tasks to run.
        command_line: returns the equivalent command, which is logged with the task.
        done: the number of tasks before these.
        total: the number of all tasks, before and after included; None for these alone.
    """
    for number, task in enumerate(tasks, start=done + 1):
        head = f"[{number}/{total or len(tasks)}] {task.title}"
        if task.makes.exists():
            logger.info("%s: %s exists already", head, task.makes)
            continue
        line = "" if command_line is None else f"\n    $ {command_line(task)}"
        logger.info("%s%s", head, line)
        started = time.monotonic()
        task.work()
        logger.info("    %.0f s", time.monotonic() - started)
