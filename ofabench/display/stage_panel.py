"""Panel of a stage with a number of steps: base of those of sweeps and of training."""

from abc import ABC, abstractmethod

from rich.console import Console, RenderableType

from ofabench.display.live import Clock, LivePanel, bar, duration, line, words

SECONDS_BETWEEN_REDRAWS = 0.5
_BAR = 24


class StagePanel(ABC):
    """Counts steps of a stage, and draws rows of its state on stderr, at most twice a second."""

    def __init__(self, console: Console | None, clock: Clock) -> None:
        self._panel = LivePanel(SECONDS_BETWEEN_REDRAWS, console, clock)
        self._what = ""
        self._total = self._done = 0
        self._started_s = 0.0

    def start(self, total: int, what: str) -> None:
        """Begin a stage of `total` steps."""
        self._what, self._total, self._done = what, total, 0
        self._started_s = self._panel.clock()
        self._draw()

    def close(self) -> None:
        """Draw the final state, which remains."""
        if self._what:
            self._draw()
        self._panel.stop()
        self._what = ""

    @abstractmethod
    def _rows(self) -> list[RenderableType]:
        """Return the panel's rows."""

    @property
    def _spent_s(self) -> float:
        return self._panel.clock() - self._started_s

    def _draw_if_due(self, at_once: bool = False) -> None:
        if at_once or self._panel.due or self._done >= self._total:
            self._draw()

    def _draw(self) -> None:
        self._panel.draw(self._what, self._rows())

    def _progress_row(self, unit: str, left_s: float | None) -> RenderableType:
        """Return a bar, the number of steps, the time spent and, where known, the time left."""
        times = duration(self._spent_s)
        if left_s is not None:
            times += f", {duration(left_s)} left"
        share = self._done / self._total if self._total else 0.0
        counted = f"{self._done:,} of {self._total:,} {unit}"
        return line(bar(share, width=_BAR), words(counted), words(times))
