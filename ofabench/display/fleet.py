"""The sweeps of a fleet on the terminal: a bar for each device."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from bench.closing import Closing
from ofabench.display.live import Bars
from ofabench.workflows.sweep.fleet import MemberWatcher


class FleetDisplay(Closing):
    """Shows every member of a fleet on stderr for as long as a `with` block lasts."""

    def __init__(self, console: Console | None = None) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        shown_on = console or Console(stderr=True)
        self._bars = Bars(*columns, console=shown_on, refresh_per_second=2)
        self._bars.start()

    def member(self, name: str) -> MemberWatcher:
        """Begin to show a member."""
        return _MemberBar(self._bars, name)

    def close(self) -> None:
        """Stop drawing; the last picture remains."""
        self._bars.stop()


class _MemberBar:
    """One member's bar."""

    def __init__(self, bars: Bars, name: str) -> None:
        self._bars = bars
        self._task = bars.add_task(name, total=None, note="starting")

    def start(self, total: int, what: str) -> None:
        self._bars.update(self._task, total=total, completed=0, note=what)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._bars.update(self._task, advance=steps, note=note)

    def close(self) -> None:
        """Leave it as it stands."""

    def say(self, line: str) -> None:
        self._bars.update(self._task, note=line)

    def end(self, how: str) -> None:
        self._bars.update(self._task, note=how)
