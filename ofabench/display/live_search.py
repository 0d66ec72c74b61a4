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
WIDE = 60  # columns; on narrower terminals limits have no bars
_BAR = 16
_SPARKS = 24  # characters of the curve of best accuracies
_SCALES = {"MACs": (1e6, "M MACs"), "parameters": (1e6, "M parameters"), "bytes": (1e6, "MB")}


def get_search_watcher() -> Watcher:
    """Return the display of a search: a panel if stderr is a terminal, else none."""
    return SearchPanel() if on_terminal() else NoWatcher()


class SearchPanel:
    """Panel of a search on stderr, drawn at most four times a second."""

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self._panel = LivePanel(SECONDS_BETWEEN_REDRAWS, console, clock)
        self._last: SearchProgress | None = None
        self._drawn: SearchProgress | None = None
        self._generations = 0
        self._accuracies: list[float] = []

    def show(self, progress: SearchProgress) -> None:
        """Store the progress, and draw it if enough time has passed."""
        self._last = progress
        self._generations += 1
        if progress.accuracy is not None:
            self._accuracies.append(progress.accuracy)
        if self._panel.due:
            self._draw(progress)

    def close(self) -> None:
        """Draw the final state, which remains."""
        if self._last is not None and self._drawn is not self._last:
            self._draw(self._last)
        self._panel.stop()
        self._last, self._generations, self._accuracies = None, 0, []

    def _draw(self, progress: SearchProgress) -> None:
        self._drawn = progress
        rows: list[RenderableType] = [*self._budget(progress), self._best(progress)]
        if progress.limits:
            rows.append(_limits(progress, bars=self._panel.console.width >= WIDE))
        self._panel.draw(progress.what, rows)

    def _budget(self, progress: SearchProgress) -> list[RenderableType]:
        evaluated = f"{progress.evaluated:,}"
        if progress.budget is not None:
            evaluated += f" of {progress.budget:,}"
        speed = (
            f"{progress.evaluated / progress.seconds:,.0f} networks/s"
            if progress.seconds > 0
            else ""
        )
        left = time_left(progress, self._generations)
        times = duration(progress.seconds)
        if left is not None:
            times += f", {duration(left[0])} left by {left[1]}"
        return [
            line(bar(share_done(progress), width=_BAR), words(f"{evaluated} networks")),
            line(words(times), words(speed)),
        ]

    def _best(self, progress: SearchProgress) -> RenderableType:
        text = "nothing within the limits yet"
        if progress.accuracy is not None:
            text = f"best accuracy {progress.accuracy:.2%}"
        if progress.front is not None:
            text += f", {progress.front} on the front"
        ascii_only = self._panel.console.options.ascii_only
        sparks = sparkline(self._accuracies, _SPARKS, ascii_only=ascii_only)
        return line(words(text, "bold"), words(sparks, "green"))


def share_done(progress: SearchProgress) -> float:
    """Return the used fraction of the budget that is used most.

    Patience counts only if it is the sole budget: every improvement resets it.
    """
    shares = []
    if progress.budget:
        shares.append(progress.evaluated / progress.budget)
    if progress.budget_s:
        shares.append(progress.seconds / progress.budget_s)
    if not shares and progress.patience:
        shares.append(progress.idle / progress.patience)
    return max(shares, default=0.0)


def time_left(progress: SearchProgress, generations: int) -> tuple[float, str] | None:
    """Return the seconds until the first budget ends, and its name; None if unknown."""
    estimates: list[tuple[float, str]] = []
    if progress.budget is not None and progress.evaluated > 0:
        network_s = progress.seconds / progress.evaluated
        estimates.append((network_s * (progress.budget - progress.evaluated), "evaluations"))
    if progress.budget_s is not None:
        estimates.append((progress.budget_s - progress.seconds, "seconds"))
    if progress.patience is not None and generations > 0:
        generation_s = progress.seconds / generations
        estimates.append((generation_s * (progress.patience - progress.idle), "patience"))
    if not estimates:
        return None
    left_s, name = min(estimates)
    return max(left_s, 0.0), name


def amount(value: float | None, limit: float, unit: str) -> str:
    """Return a cost with its limit as text: `230 of 240 M MACs`."""
    scale, shown = _SCALES.get(unit, (1.0, unit))
    amount_text = "at most" if value is None else f"{value / scale:.4g} of"
    return f"{amount_text} {limit / scale:.4g} {shown}".rstrip()


def _limits(progress: SearchProgress, *, bars: bool) -> RenderableType:
    """Return a row for each limit: the best network's cost, and its share of the limit."""
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(ratio=1, min_width=8, no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(width=_BAR if bars else 0)
    grid.add_column(width=5, justify="right")
    for name, limit in progress.limits.items():
        cost = progress.costs.get(name)
        cost_text = words(amount(cost, limit, progress.units.get(name, "")))
        if cost is None:
            grid.add_row(words(name), cost_text, "", "")
            continue
        style = "red" if cost > limit else "green"
        drawn = bar(cost / limit, width=_BAR, style=style) if bars else ""
        grid.add_row(words(name), cost_text, drawn, words(f"{cost / limit:.0%}", style))
    return grid
