"""Worker process, seen from the process that starts it."""

import dataclasses
import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from bench.errors import InterruptedSweepError, OfabenchError, error_class
from bench.options import Options
from bench.protocol.progress import NoProgress, Progress, RoundProgress, RoundWatcher
from ofabench.launcher.request import Function, Request
from supernet.train.callbacks import StepWatcher, TrainingProgress

logger = logging.getLogger(__name__)
Say = Callable[[str], None]
LAST_LINES = 5  # lines of output in the message about a failed worker


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """End of a worker: the result of its function, or the error that it raised."""

    result: Any = None
    error: OfabenchError | None = None

    @property
    def interrupted(self) -> bool:
        """Whether it was interrupted."""
        return isinstance(self.error, InterruptedSweepError)


class Worker:
    """Process that runs one function; it starts with the constructor.

    Args:
        function: a function at the top of a module; takes the options and a progress.
        options: its options, sent as JSON.
        progress: is shown the function's progress; None shows nothing.
        say: is called with each line that the worker prints or logs; None logs them.
        alone: whether a terminal's Ctrl-C does not reach the worker, only `interrupt` stops it.

    Raises:
        InputError: the function or its options cannot be imported by another process.
    """

    def __init__(
        self,
        function: Function,
        options: Options,
        *,
        progress: Progress | None = None,
        say: Say | None = None,
        alone: bool = False,
    ) -> None:
        request = Request.of(function, options)
        self._progress = progress or NoProgress()
        self._say: Say = say or logger.info
        self._reply: dict[str, Any] | None = None
        self._lines: list[str] = []
        self._interrupted = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ofabench.launcher.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=alone,
        )
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            json.dump({**dataclasses.asdict(request), "path": sys.path}, pipe)
        readers = (
            (self._read_reply, self._process.stdout),
            (self._read_lines, self._process.stderr),
        )
        self._threads = [threading.Thread(target=read, args=(pipe,)) for read, pipe in readers]
        for thread in self._threads:
            thread.start()

    def interrupt(self) -> None:
        """Stop it, as Ctrl-C does."""
        self._interrupted = True
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self) -> Outcome:
        """Wait for its end, and return how it ended."""
        self._process.wait()
        for thread in self._threads:
            thread.join()
        self._progress.close()
        if self._reply is None:
            return Outcome(error=self._failure())
        if "error" in self._reply:
            return Outcome(error=error_class(self._reply["error"])(self._reply["message"]))
        return Outcome(result=self._reply["result"])

    def _failure(self) -> OfabenchError:
        if self._interrupted:
            return InterruptedSweepError("stopped before it started")
        code, output = self._process.returncode, " / ".join(self._lines[-LAST_LINES:])
        ending = f"exit code {code}" if code >= 0 else f"signal {-code}"
        return OfabenchError(
            f"a worker process failed ({ending}): {output or 'it printed nothing'}"
        )

    def _read_reply(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                if not line.endswith("\n"):
                    return  # the process died while it wrote
                event = json.loads(line)
                if event["event"] == "start":
                    self._progress.start(event["total"], event["what"])
                elif event["event"] == "advance":
                    self._progress.advance(event["steps"], event["note"])
                elif event["event"] == "pass":
                    if isinstance(self._progress, RoundWatcher):
                        self._progress.show_round(RoundProgress(**event["figures"]))
                elif event["event"] == "step":
                    if isinstance(self._progress, StepWatcher):
                        self._progress.show_step(TrainingProgress(**event["figures"]))
                else:
                    self._reply = event

    def _read_lines(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                if line.strip():
                    self._lines.append(line.rstrip("\n"))
                    self._say(line.rstrip("\n"))


def launch(
    function: Function,
    options: Options,
    *,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Any:
    """Run a function in a worker process and return its result as plain values.

    Args:
        function, options, progress, say: see `Worker`.

    Raises:
        OfabenchError: the function's error, with the same class; or the worker failed.
        KeyboardInterrupt: Ctrl-C, after the worker has restored what it changed.
    """
    worker = Worker(function, options, progress=progress, say=say)
    try:
        outcome = worker.wait()
    except KeyboardInterrupt:  # the terminal has sent it to the worker too
        worker.wait()
        raise
    if outcome.error is not None:
        raise outcome.error
    return outcome.result
