"""A search on the terminal: budget, best accuracy, limits, front."""

import time

from rich.console import Console, RenderableType
from rich.table import Table

from ofabench.display.live import (
    Clock,
    LivePanel,
    bar,
    duration,
    line,
    on_terminal,
    sparkline,
    words,
)
from supernet.search.callbacks import NoWatcher, SearchProgress, Watcher

SECONDS_BETWEEN_REDRAWS = 0.25
WIDE = 60  # columns of a terminal, below which limits have no bars
_BAR = 16
_SPARKS = 24  # characters of the curve of best accuracies
_SCALES = {"MACs": (1e6, "M MACs"), "parameters": (1e6, "M parameters"), "bytes": (1e6, "MB")}


def get_look() -> Watcher:
    """Make the look at a search: on a terminal where there is one, else none."""
    return TerminalLook() if on_terminal() else NoWatcher()


class TerminalLook:
    """Shows a search on stderr, drawn by its own calls and at most four times a second."""

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self._panel = LivePanel(SECONDS_BETWEEN_REDRAWS, console, clock)
        self._last: SearchProgress | None = None
        self._drawn: SearchProgress | None = None
        self._generations = 0
        self._accuracies: list[float] = []

    def show(self, look: SearchProgress) -> None:
        """Take a look, and draw it if enough time has passed."""
        self._last = look
        self._generations += 1
        if look.accuracy is not None:
            self._accuracies.append(look.accuracy)
        if self._panel.due:
            self._draw(look)

    def close(self) -> None:
        """Draw how it ended, and leave that."""
        if self._last is not None and self._drawn is not self._last:
            self._draw(self._last)
        self._panel.stop()
        self._last, self._generations, self._accuracies = None, 0, []

    def _draw(self, look: SearchProgress) -> None:
        self._drawn = look
        rows: list[RenderableType] = [*self._budget(look), self._best(look)]
        if look.limits:
            rows.append(_limits(look, bars=self._panel.console.width >= WIDE))
        self._panel.draw(look.what, rows)

    def _budget(self, look: SearchProgress) -> list[RenderableType]:
        evaluated = f"{look.evaluated:,}"
        if look.budget is not None:
            evaluated += f" of {look.budget:,}"
        speed = f"{look.evaluated / look.seconds:,.0f} networks/s" if look.seconds > 0 else ""
        left = time_left(look, self._generations)
        times = duration(look.seconds)
        if left is not None:
            times += f", {duration(left[0])} left by {left[1]}"
        return [
            line(bar(share_done(look), width=_BAR), words(f"{evaluated} networks")),
            line(words(times), words(speed)),
        ]

    def _best(self, look: SearchProgress) -> RenderableType:
        told = "nothing within the limits yet"
        if look.accuracy is not None:
            told = f"best accuracy {look.accuracy:.2%}"
        if look.front is not None:
            told += f", {look.front} on the front"
        ascii_only = self._panel.console.options.ascii_only
        sparks = sparkline(self._accuracies, _SPARKS, ascii_only=ascii_only)
        return line(words(told, "bold"), words(sparks, "green"))


def share_done(look: SearchProgress) -> float:
    """How much of the budget that is used most is used; stagnation only where it is all there is.

    For a search may find something better at any time, and then patience begins anew.
    """
    shares = []
    if look.budget:
        shares.append(look.evaluated / look.budget)
    if look.budget_s:
        shares.append(look.seconds / look.budget_s)
    if not shares and look.patience:
        shares.append(look.idle / look.patience)
    return max(shares, default=0.0)


def time_left(look: SearchProgress, generations: int) -> tuple[float, str] | None:
    """Seconds until the budget that ends first, and its name; None where nothing tells."""
    found: list[tuple[float, str]] = []
    if look.budget is not None and look.evaluated > 0:
        a_network_s = look.seconds / look.evaluated
        found.append((a_network_s * (look.budget - look.evaluated), "evaluations"))
    if look.budget_s is not None:
        found.append((look.budget_s - look.seconds, "seconds"))
    if look.patience is not None and generations > 0:
        a_generation_s = look.seconds / generations
        found.append((a_generation_s * (look.patience - look.idle), "patience"))
    if not found:
        return None
    left, name = min(found)
    return max(left, 0.0), name


def amount(value: float | None, limit: float, unit: str) -> str:
    """Write a cost beside its limit, for a person: `230 of 240 M MACs`."""
    scale, shown = _SCALES.get(unit, (1.0, unit))
    told = "at most" if value is None else f"{value / scale:.4g} of"
    return f"{told} {limit / scale:.4g} {shown}".rstrip()


def _limits(look: SearchProgress, *, bars: bool) -> RenderableType:
    """A row for each limit: what the best network costs, and what share of the limit that is."""
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(ratio=1, min_width=8, no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(width=_BAR if bars else 0)
    grid.add_column(width=5, justify="right")
    for name, limit in look.limits.items():
        cost = look.costs.get(name)
        told = words(amount(cost, limit, look.units.get(name, "")))
        if cost is None:
            grid.add_row(words(name), told, "", "")
            continue
        style = "red" if cost > limit else "green"
        drawn = bar(cost / limit, width=_BAR, style=style) if bars else ""
        grid.add_row(words(name), told, drawn, words(f"{cost / limit:.0%}", style))
    return grid
