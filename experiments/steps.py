"""An experiment as a list of commands, each in a separate process.

A person can type the same commands one by one: each is printed before it runs. What a step makes is
kept, so that a second start continues where the first was stopped.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import OfabenchError
from bench.files import write_text

EXIT_FAILED_CHECK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command: its title, its arguments, and its output files."""

    title: str
    argv: tuple[str, ...]
    makes: Path
    resumes: Path | None = None  # if it exists, the command is resumed with `--resume`
    keeps_stdout: bool = False  # stdout is the result
    may_fail_its_check: bool = False  # exit code 1 is a result
    repeats_failed_check: bool = False  # a failed check runs once more, shown with the first


def run_steps(
    steps: Sequence[Step], say: Callable[[str], None], *, done: int = 0, total: int = 0
) -> None:
    """Run the steps in order, skipping those whose result exists.

    `done` steps of `total` came before these; a step that fails ends all with `OfabenchError`.
    """
    for number, step in enumerate(steps, start=done + 1):
        head = f"[{number}/{total or len(steps)}] {step.title}"
        if step.makes.exists():
            say(f"{head}: {step.makes} exists already")
            continue
        argv = step.argv
        if step.resumes is not None and step.resumes.exists():
            argv = (*argv, "--resume")
        say(f"{head}\n    $ {shlex.join(('ofabench', *argv))}")
        started = time.monotonic()
        failed = _run(step, argv) == EXIT_FAILED_CHECK
        if failed and step.repeats_failed_check:
            say("    a check failed, which counts; measured once more for comparison")
            _run(step, argv)
        say(f"    {time.monotonic() - started:.0f} s")


def _run(step: Step, argv: tuple[str, ...]) -> int:
    """Run the command; its exit code, 1 where its check may fail."""
    done = subprocess.run(
        [sys.executable, "-m", "ofabench", *argv],
        stdout=subprocess.PIPE if step.keeps_stdout else sys.stderr,
        text=True,
        check=False,
    )
    good = {0, EXIT_FAILED_CHECK} if step.may_fail_its_check else {0}
    if done.returncode not in good:
        raise OfabenchError(
            f"`{shlex.join(('ofabench', *argv))}` ended with exit code {done.returncode}; "
            "its own line above says why; start again to continue from here"
        )
    if step.keeps_stdout:
        write_text(step.makes, done.stdout)
    return done.returncode
