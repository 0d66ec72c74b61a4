"""The whole loop as a list of commands, each a process of its own.

A person can type the same commands one by one: quickstart prints each before it runs it. What a
step makes is kept, so that a second start goes on where the first one was stopped.
"""

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
    """One command: what a person reads, what is typed, what it leaves."""

    title: str
    argv: tuple[str, ...]
    makes: Path
    stdout: Path | None = None  # where the command's result is kept, if it only prints one
    may_fail_its_check: bool = False


def run_steps(steps: Sequence[Step], say: Callable[[str], None]) -> None:
    """Run the steps in order, passing over those whose result is there."""
    for number, step in enumerate(steps, start=1):
        if step.makes.exists():
            say(f"[{number}/{len(steps)}] {step.title}: done before, {step.makes} is kept")
            continue
        say(f"[{number}/{len(steps)}] {step.title}\n    $ ofabench {' '.join(step.argv)}")
        started = time.monotonic()
        _run(step)
        say(f"    {time.monotonic() - started:.0f} s")


def _run(step: Step) -> None:
    keep = subprocess.PIPE if step.stdout is not None else sys.stderr
    done = subprocess.run(
        [sys.executable, "-m", "ofabench", *step.argv], stdout=keep, text=True, check=False
    )
    good = {0, EXIT_FAILED_CHECK} if step.may_fail_its_check else {0}
    if done.returncode not in good:
        command = " ".join(("ofabench", *step.argv))
        raise OfabenchError(
            f"the step `{command}` ended with exit code {done.returncode}, expected 0; "
            "its own line above says why; start again to go on from here"
        )
    if step.stdout is not None:
        write_text(step.stdout, done.stdout)
