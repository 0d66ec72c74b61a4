"""A fleet on the terminal: a table with a row for each device, redrawn while they run."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from bench.closing import Closing
from ofabench.display.live import Bars, on_terminal
from ofabench.display.progress import SECONDS_BETWEEN_LINES
from ofabench.workflows.fleet.watcher import FleetWatcher, MemberWatcher, NoFleetWatcher

MOST_OF_ADDRESS = 18  # characters
BAR_COLUMNS = 12


@contextmanager
def fleet_display(form: str) -> Iterator[FleetWatcher]:
    """Yield the display of that form, on stderr; a table is drawn only on a terminal."""
    if form != "bar":
        yield FleetLines(as_json=form == "json")
    elif on_terminal():
        with FleetTable() as table:
            yield table
    else:
        yield NoFleetWatcher()


class FleetTable(Closing):
    """A row for each member: name, address, bar, time left, and its last message."""

    def __init__(self, console: Console | None = None) -> None:
        columns = (
            TextColumn("{task.description}"),
            TextColumn(
                "{task.fields[address]}",
                markup=False,
                style="dim",
                table_column=Column(no_wrap=True, overflow="ellipsis", max_width=MOST_OF_ADDRESS),
            ),
            BarColumn(BAR_COLUMNS),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            # Its width is what the others leave: a long message must not displace them.
            TextColumn(
                "{task.fields[note]}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
        )
        shown_on = console or Console(stderr=True)
        self._bars = Bars(*columns, console=shown_on, refresh_per_second=2, expand=True)
        self._bars.start()

    def member(self, name: str, address: str) -> MemberWatcher:
        """Begin to show a member."""
        return _Row(self._bars, name, address)

    def close(self) -> None:
        """Stop drawing; the last picture remains."""
        self._bars.stop()


class _Row:
    """One member's row."""

    def __init__(self, bars: Bars, name: str, address: str) -> None:
        self._bars, self._address = bars, address
        self._task = bars.add_task(name, total=None, address=address, note="starting")

    def start(self, total: int, what: str) -> None:
        # Not `update`: the time left is that of the new stage.
        self._bars.reset(self._task, total=total, address=self._address, note=what)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._bars.update(self._task, advance=steps, note=note)

    def close(self) -> None:
        """Leave it as it stands."""

    def show_waiting(self, text: str) -> None:
        self._bars.update(self._task, note=text)

    def say(self, line: str) -> None:
        self._bars.update(self._task, note=line)

    def end(self, how: str) -> None:
        self._bars.update(self._task, note=how)


class FleetLines:
    """Lines on stderr for logs, or JSON objects for programs, that begin with the member."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._lock = threading.Lock()

    def member(self, name: str, address: str) -> MemberWatcher:
        """Begin to print lines of a member."""
        return _MemberLines(self, name, address)

    def print(self, name: str, text: str, figures: dict[str, object]) -> None:
        """Print a line of one member, complete, whatever the others print."""
        line = json.dumps({"member": name, **figures}) if self._as_json else f"{name}: {text}"
        with self._lock:
            print(line, file=sys.stderr, flush=True)


class _MemberLines:
    """One member's lines: each stage, its steps at most every 15 s, messages, and the end."""

    def __init__(self, lines: FleetLines, name: str, address: str) -> None:
        self._lines, self._name = lines, name
        self._what, self._total, self._done = "", 0, 0
        self._printed_s = time.monotonic()
        self._print(f"starting on {address}", note="starting", address=address)

    def start(self, total: int, what: str) -> None:
        self._what, self._total, self._done = what, total, 0
        self._print_steps("")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        if time.monotonic() - self._printed_s >= SECONDS_BETWEEN_LINES:
            self._print_steps(note)

    def close(self) -> None:
        """Print nothing: a separate line reports the end."""

    def show_waiting(self, text: str) -> None:
        self._print(text, note=text)

    def say(self, line: str) -> None:
        self._print(line, note=line)

    def end(self, how: str) -> None:
        self._print(how, note=how)

    def _print_steps(self, note: str) -> None:
        self._printed_s = time.monotonic()
        text = f"{self._what}: {self._done}/{self._total}  {note}".rstrip()
        self._print(text, what=self._what, total=self._total, done=self._done, note=note)

    def _print(self, text: str, **figures: object) -> None:
        self._lines.print(self._name, text, figures)
