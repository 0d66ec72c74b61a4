"""A panel on the terminal that is redrawn regularly, and its parts."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.progress import Progress
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Clock = Callable[[], float]
_FREE = 4  # columns on the right: a terminal that shows ^C there must not begin a new line
_SPARKS, _ASCII_SPARKS = "▁▂▃▄▅▆▇█", "_.-~=+*#"


def on_terminal() -> bool:
    """Whether a person sees stderr, so that something may be drawn there."""
    return sys.stderr.isatty()


class _Narrower:
    """Draws a renderable in all columns but the last ones."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(
            self._inner, options.update(width=max(options.max_width - _FREE, 1))
        )


@contextmanager
def _complete_pictures() -> Iterator[None]:
    """Delay Ctrl-C to the end of the block: else an incomplete picture would remain."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if pressed:
        handler(*pressed[0])


class Bars(Progress):
    """Bars of rich that leave the last columns free, as panels do, and are drawn completely."""

    def refresh(self) -> None:
        """Draw the bars as they are now."""
        with _complete_pictures():
            super().refresh()

    def stop(self) -> None:
        """Stop drawing; the last picture remains."""
        with _complete_pictures():
            super().stop()

    def get_renderable(self) -> RenderableType:
        """Return the bars, truncated if the terminal is narrow."""
        return _Narrower(super().get_renderable())


class LivePanel:
    """Panel on stderr; stdout is for results.

    It is drawn by `draw` alone, which callers limit by `due` to once in `seconds_between`: a thread
    that redraws would disturb what is measured. `console` and `clock` are replaced by tests.
    """

    def __init__(
        self,
        seconds_between: float,
        console: Console | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.console = console or Console(stderr=True)
        self.clock = clock
        self._seconds_between = seconds_between
        self._live: Live | None = None
        self._drawn_s = float("-inf")

    @property
    def due(self) -> bool:
        """Whether enough time has passed since it was drawn."""
        return self.clock() - self._drawn_s >= self._seconds_between

    def draw(self, title: str, rows: Sequence[RenderableType]) -> None:
        """Replace the panel's rows by these."""
        grid = Table.grid(expand=True)
        for row in rows:
            grid.add_row(row)
        panel = _Narrower(Panel(grid, title=Text(title), title_align="left"))
        with _complete_pictures():
            if self._live is None:
                self._live = Live(console=self.console, auto_refresh=False, redirect_stdout=False)
                self._live.start()
            self._live.update(panel, refresh=True)
        self._drawn_s = self.clock()

    def stop(self) -> None:
        """Stop drawing; the last picture remains, and output continues below it."""
        if self._live is not None:
            with _complete_pictures():
                self._live.stop()
            self._live = None
        self._drawn_s = float("-inf")


def bar(share: float, *, width: int | None = None, style: str = "bar.complete") -> ProgressBar:
    """Return a bar filled to the fraction `share`, limited to 0 to 1."""
    completed = 100 * min(max(share, 0.0), 1.0)
    return ProgressBar(
        total=100, completed=completed, width=width, complete_style=style, finished_style=style
    )


def line(*parts: RenderableType) -> Table:
    """Return parts side by side in their natural widths; what does not fit is truncated."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in parts:
        grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row(*parts)
    return grid


def words(text: str, style: str = "") -> Text:
    """Return text on one line, without interpreting markup."""
    return Text(text.replace("\n", " "), style=style, no_wrap=True, overflow="ellipsis")


def duration(seconds: float) -> str:
    """Write 4.2 as `4.2 s`, 130 as `2:10`, 8000 as `2:13:20`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def sparkline(values: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """Return a curve of at most `width` characters, scaled from the lowest to the highest value."""
    if len(values) < 2:
        return ""
    n = min(width, len(values))
    picked = [values[round(column * (len(values) - 1) / (n - 1))] for column in range(n)]
    low, high = min(picked), max(picked)
    sparks = _ASCII_SPARKS if ascii_only else _SPARKS
    span = (high - low) or 1.0
    return "".join(sparks[int((value - low) / span * (len(sparks) - 1))] for value in picked)
