"""Progress: a bar with time left, in a log a line now and then, for programs JSON lines."""

import json
import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 15.0  # in a log, where a bar cannot redraw itself
SECONDS_BETWEEN_REDRAWS = 0.5


def get_progress(form: str) -> "TerminalProgress | JsonProgress":
    """Make the progress of that form: `bar`, for people, or `json`, for programs."""
    return JsonProgress() if form == "json" else TerminalProgress()


class JsonProgress:
    """One JSON object a line on stderr: `what`, `total`, `done` and `note`."""

    def __init__(self) -> None:
        self._state: dict[str, object] = {}
        self._done = 0
        self._told = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a stretch of `total` steps."""
        self._done = 0
        self._state = {"what": what, "total": total}
        self._tell("")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Tell, twice a second at most; a step back, which a fault brings, at once."""
        self._done += steps
        if time.monotonic() - self._told >= SECONDS_BETWEEN_REDRAWS or steps < 1:
            self._tell(note)

    def close(self) -> None:
        """Tell of the last steps."""
        if self._state:
            self._tell("")

    def _tell(self, note: str) -> None:
        self._told = time.monotonic()
        line = json.dumps({**self._state, "done": self._done, "note": note})
        print(line, file=sys.stderr, flush=True)


class TerminalProgress:
    """Shows progress on stderr; never writes to stdout, where results go."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._what = ""
        self._total = 0
        self._done = 0
        self._started = 0.0
        self._told = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a bar of `total` steps."""
        self.close()
        self._what, self._total, self._done = what, total, 0
        self._started = self._told = time.monotonic()
        if not sys.stderr.isatty():
            print(f"{what}: {total} steps", file=sys.stderr, flush=True)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        # Drawn only when told of a step: a thread that redraws would disturb what is measured.
        self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False)
        self._bar.start()
        self._task = self._bar.add_task(what, total=total, note="")
        self._bar.refresh()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move the bar on."""
        self._done += steps
        now = time.monotonic()
        if self._bar is not None:
            finished = self._done >= self._total
            redraw = finished or now - self._told >= SECONDS_BETWEEN_REDRAWS
            self._told = now if redraw else self._told
            self._bar.update(self._task, advance=steps, note=note, refresh=redraw)
            return
        if now - self._told >= SECONDS_BETWEEN_LINES and self._done:
            self._told = now
            left = (now - self._started) / self._done * max(0, self._total - self._done)
            line = f"{self._what}: {self._done}/{self._total}, {left:.0f} s left  {note}"
            print(line.rstrip(), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
