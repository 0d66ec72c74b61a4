"""Progress: a bar with time left on a terminal, lines for logs, JSON for programs."""

import json
import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.protocol.progress import Progress
from ofabench.display.live import Bars, on_terminal

SECONDS_BETWEEN_LINES = 15.0  # in a log, where a bar cannot redraw itself
SECONDS_BETWEEN_REDRAWS = 0.5


def get_progress(form: str) -> Progress:
    """Make the progress of that form; a bar says nothing where no terminal shows it."""
    if form == "json":
        return JsonProgress()
    if form == "lines":
        return LineProgress()
    return TerminalProgress()


def get_sweep_progress(form: str) -> Progress:
    """Make a sweep's progress; on a terminal a panel that also shows its passes."""
    if form == "bar" and on_terminal():
        from ofabench.display.live_sweep import SweepPanel

        return SweepPanel()
    return get_progress(form)


def get_training_progress(form: str) -> Progress:
    """Make a training's progress; on a terminal a panel with curves of loss and accuracy."""
    if form == "bar" and on_terminal():
        from ofabench.display.live_training import TrainingPanel

        return TrainingPanel()
    return get_progress(form)


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

    def show_waiting(self, words: str) -> None:
        """Say whom is waited for, as a stretch of one step."""
        self._state, self._done = {"what": "waiting", "total": 1}, 0
        self._tell(words)
        self._state = {}

    def close(self) -> None:
        """Tell of the last steps."""
        if self._state:
            self._tell("")

    def _tell(self, note: str) -> None:
        self._told = time.monotonic()
        line = json.dumps({**self._state, "done": self._done, "note": note})
        print(line, file=sys.stderr, flush=True)


class LineProgress:
    """A line on stderr at the start of each stretch, every 15 s, and at its end."""

    def __init__(self) -> None:
        self._what = ""
        self._total = self._done = 0
        self._started = self._told = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a stretch of `total` steps."""
        self.close()
        self._what, self._total, self._done = what, total, 0
        self._started = self._told = time.monotonic()
        self._print(f"{what}: {total} steps")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Tell of the steps and of the time left, now and then."""
        self._done += steps
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES and self._done:
            self._told = now
            left = (now - self._started) / self._done * max(0, self._total - self._done)
            self._print(f"{self._what}: {self._done}/{self._total}, {left:.0f} s left  {note}")

    def close(self) -> None:
        """Tell how far it came."""
        if self._what:
            took = time.monotonic() - self._started
            self._print(f"{self._what}: {self._done}/{self._total} in {took:.0f} s")
            self._what = ""

    @staticmethod
    def _print(line: str) -> None:
        print(line.rstrip(), file=sys.stderr, flush=True)


class TerminalProgress:
    """Shows a bar on stderr, nothing where no terminal is there; stdout is for results."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._bar: Bars | None = None
        self._task = TaskID(0)
        self._total = self._done = 0
        self._told = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a bar of `total` steps."""
        self.close()
        self._total, self._done = total, 0
        self._told = time.monotonic()
        if self._console is None and not on_terminal():
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        # Drawn only when told of a step: a thread that redraws would disturb what is measured.
        console = self._console or Console(stderr=True)
        self._bar = Bars(*columns, console=console, auto_refresh=False)
        self._bar.start()
        self._task = self._bar.add_task(what, total=total, note="")
        self._bar.refresh()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move the bar on; a new note without a step, and a step back, are shown at once."""
        self._done += steps
        now = time.monotonic()
        if self._bar is not None:
            late = now - self._told >= SECONDS_BETWEEN_REDRAWS
            redraw = late or steps < 1 or self._done >= self._total
            self._told = now if redraw else self._told
            self._bar.update(self._task, advance=steps, note=note, refresh=redraw)

    def close(self) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
