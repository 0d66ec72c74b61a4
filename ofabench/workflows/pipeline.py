"""A pipeline of tasks: results are kept, so that a second start continues where one stopped."""

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
    """One part: what it makes, how, and which command a person would type for the same.

    `command` is that command's name and `options` its options by field name; `work` does it.
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
    """Do the tasks in order, passing over those whose result is there; each is logged.

    Args:
        tasks: what is done.
        command_line: writes the command that does the same, to be logged with the task.
        done: how many tasks came before these.
        total: how many there are with those before and after; None for these alone.
    """
    for number, task in enumerate(tasks, start=done + 1):
        head = f"[{number}/{total or len(tasks)}] {task.title}"
        if task.makes.exists():
            logger.info("%s: %s is there already", head, task.makes)
            continue
        line = "" if command_line is None else f"\n    $ {command_line(task)}"
        logger.info("%s%s", head, line)
        started = time.monotonic()
        task.work()
        logger.info("    %.0f s", time.monotonic() - started)
