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
    """Return the progress of that form; a bar is drawn only on a terminal."""
    if form == "json":
        return JsonProgress()
    if form == "lines":
        return LineProgress()
    return TerminalProgress()


def get_sweep_progress(form: str) -> Progress:
    """Return a sweep's progress; on a terminal a panel that also shows its rounds."""
    if form == "bar" and on_terminal():
        from ofabench.display.live_sweep import SweepPanel

        return SweepPanel()
    return get_progress(form)


def get_training_progress(form: str) -> Progress:
    """Return a training's progress; on a terminal a panel with curves of loss and accuracy."""
    if form == "bar" and on_terminal():
        from ofabench.display.live_training import TrainingPanel

        return TrainingPanel()
    return get_progress(form)


class JsonProgress:
    """One JSON object a line on stderr: `what`, `total`, `done` and `note`."""

    def __init__(self) -> None:
        self._state: dict[str, object] = {}
        self._done = 0
        self._printed_s = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a stage of `total` steps."""
        self._done = 0
        self._state = {"what": what, "total": total}
        self._print("")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; print them at most twice a second, a step back (after a fault) at once."""
        self._done += steps
        if time.monotonic() - self._printed_s >= SECONDS_BETWEEN_REDRAWS or steps < 1:
            self._print(note)

    def show_waiting(self, text: str) -> None:
        """Print who is measuring on the device, as a stage of one step."""
        self._state, self._done = {"what": "waiting", "total": 1}, 0
        self._print(text)
        self._state = {}

    def close(self) -> None:
        """Print the final number of steps."""
        if self._state:
            self._print("")

    def _print(self, note: str) -> None:
        self._printed_s = time.monotonic()
        line = json.dumps({**self._state, "done": self._done, "note": note})
        print(line, file=sys.stderr, flush=True)


class LineProgress:
    """A line on stderr at the start of each stage, every 15 s, and at its end."""

    def __init__(self) -> None:
        self._what = ""
        self._total = self._done = 0
        self._started_s = self._printed_s = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a stage of `total` steps."""
        self.close()
        self._what, self._total, self._done = what, total, 0
        self._started_s = self._printed_s = time.monotonic()
        self._print(f"{what}: {total} steps")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; print them with the time left, at most every 15 s."""
        self._done += steps
        now = time.monotonic()
        if now - self._printed_s >= SECONDS_BETWEEN_LINES and self._done:
            self._printed_s = now
            left_s = (now - self._started_s) / self._done * max(0, self._total - self._done)
            self._print(f"{self._what}: {self._done}/{self._total}, {left_s:.0f} s left  {note}")

    def close(self) -> None:
        """Print how many steps were done, and the duration of the stage."""
        if self._what:
            took_s = time.monotonic() - self._started_s
            self._print(f"{self._what}: {self._done}/{self._total} in {took_s:.0f} s")
            self._what = ""

    @staticmethod
    def _print(line: str) -> None:
        print(line.rstrip(), file=sys.stderr, flush=True)


class TerminalProgress:
    """Bar on stderr if it is a terminal, else nothing; stdout is for results."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._bar: Bars | None = None
        self._task = TaskID(0)
        self._total = self._done = 0
        self._drawn_s = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a bar of `total` steps."""
        self.close()
        self._total, self._done = total, 0
        self._drawn_s = time.monotonic()
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
        # Drawn only at steps: a thread that redraws would disturb what is measured.
        console = self._console or Console(stderr=True)
        self._bar = Bars(*columns, console=console, auto_refresh=False)
        self._bar.start()
        self._task = self._bar.add_task(what, total=total, note="")
        self._bar.refresh()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; a note without a step, and a step back, are drawn at once."""
        self._done += steps
        now = time.monotonic()
        if self._bar is not None:
            due = now - self._drawn_s >= SECONDS_BETWEEN_REDRAWS
            redraw = due or steps < 1 or self._done >= self._total
            self._drawn_s = now if redraw else self._drawn_s
            self._bar.update(self._task, advance=steps, note=note, refresh=redraw)

    def close(self) -> None:
        """Stop drawing; the bar remains as it is."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
