"""Child process of a worker: reads a request, runs its function, writes events as JSON.

Only events go to standard output: whatever libraries print there is sent to standard error.
"""

import json
import logging
import os
import sys
import warnings
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from bench.errors import InterruptedSweepError, OfabenchError

if TYPE_CHECKING:
    from bench.protocol.progress import RoundProgress
    from supernet.train.callbacks import TrainingProgress


class _EventProgress:
    """Progress that writes each call as an event."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def start(self, total: int, what: str) -> None:
        write(self._out, event="start", total=total, what=what)

    def advance(self, steps: int = 1, note: str = "") -> None:
        write(self._out, event="advance", steps=steps, note=note)

    def show_round(self, state: "RoundProgress") -> None:
        write(self._out, event="pass", figures=asdict(state))

    def show_step(self, step: "TrainingProgress") -> None:
        write(self._out, event="step", figures=asdict(step))

    def close(self) -> None:
        """Do nothing: the parent closes its progress when the worker has ended."""


def write(out: IO[str], **event: Any) -> None:
    """Write one event as a line."""
    out.write(json.dumps(event) + "\n")
    out.flush()


def main() -> int:
    """Run the request on standard input; return 0 if its function returned."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # they are for developers
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        request = json.load(sys.stdin)
        sys.path[:] = request.pop("path")
        # The name of this process in messages of others, such as that of a device's lock.
        sys.argv[:] = ["ofabench", "worker", request["function"]]
        from ofabench.launcher.request import Request

        result = Request(**request).call(_EventProgress(out))
    except KeyboardInterrupt:
        write(out, event="end", error=InterruptedSweepError.__name__, message="stopped")
        return 1
    except OfabenchError as error:
        write(out, event="end", error=type(error).__name__, message=str(error))
        return 1
    write(out, event="end", result=result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
