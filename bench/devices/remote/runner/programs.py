"""Run a program of this machine that the bundle is built with."""

import subprocess
from collections.abc import Sequence
from pathlib import Path


def run_program(
    command: Sequence[str], *, timeout_s: float, folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `command` in `folder` and return its exit status and output, without input.

    Raises `OSError` if it cannot be started, `subprocess.TimeoutExpired` if it takes too long.
    """
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
