"""A worker with calls of its own, for tests: `python -m tests.support.odd_worker CALLS`."""

import os
import subprocess
import sys
import threading
from collections.abc import Generator
from typing import Any

import numpy as np

from bench.devices.worker.messages import SILENCE_S
from bench.protocol.device import RoundResult
from bench.worker.__main__ import take_streams
from bench.worker.server import Server

ROUND = RoundResult(samples_ns=np.ones((1, 1)), order=np.array([0]))


class Calls:
    """What the tests call; the rest of `WorkerCalls` is not needed."""

    def __init__(self) -> None:
        self.stopped = 0

    def open(self, **arguments: Any) -> None:
        """Accept any device."""

    def options(self) -> object:
        """A result that has no form in a frame."""
        return object()

    def slug(self) -> str:
        """How many streams were stopped so far."""
        return f"stopped-{self.stopped}"

    def run_replicate(self, **arguments: Any) -> Generator[RoundResult]:
        """A round, then work without an end."""
        try:
            yield ROUND
            while True:
                sum(range(1000))
        finally:
            self.stopped += 1

    def facts(self) -> dict[str, str]:
        raise RuntimeError("a runtime\nfailed")

    def lock(self) -> None:
        raise FileNotFoundError(2, "no such file", "model")

    def lock_name(self) -> str:
        """What libraries print, and what their processes print."""
        print("printed by Python")
        os.write(1, b"written to standard output\n")
        subprocess.run(["sh", "-c", "echo printed by a process; cat"], check=True)
        return "name"

    def model_costs(self) -> int:
        """A result of another type than the client expects."""
        return 5

    def check_quiet(self) -> None:
        os._exit(3)

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """Start a process that would outlive the worker; return its number."""
        del threads, requested
        return str(subprocess.Popen(["sleep", "1000"]).pid)

    def unlock(self) -> None:
        """Hang where no signal reaches, as in a runtime: another thread is waited for."""
        while True:
            try:
                threading.Event().wait()
            except BaseException:
                continue


if __name__ == "__main__":
    silence_s = float(sys.argv[1]) if len(sys.argv) > 1 else SILENCE_S
    server = Server(*take_streams(), silence_s)
    server.greet()
    server.answer_all(Calls())  # type: ignore[arg-type]
