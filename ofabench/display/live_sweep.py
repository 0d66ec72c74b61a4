"""A sweep on the terminal: rounds, drift, disturbances."""

import time

from rich.console import Console, RenderableType

from bench.protocol.progress import RoundProgress
from ofabench.display.live import Clock, LivePanel, bar, duration, line, words

SECONDS_BETWEEN_REDRAWS = 0.5
_BAR = 24


class SweepPanel:
    """A `bench.protocol.progress.Progress` that is shown passes too.

    It draws only when told, which is between passes, and at most twice a second.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self._panel = LivePanel(SECONDS_BETWEEN_REDRAWS, console, clock)
        self._what, self._note = "", ""
        self._total = self._done = 0
        self._started_s = 0.0
        self._look: RoundProgress | None = None

    def start(self, total: int, what: str) -> None:
        """Begin a stretch of `total` passes."""
        self._what, self._total, self._done = what, total, 0
        self._started_s = self._panel.clock()
        self._draw()

    def show_round(self, look: RoundProgress) -> None:
        """Take a look; the step that follows draws it."""
        self._look = look

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Tell of passes; a step back, which a fault brings, is drawn at once."""
        self._done += steps
        if self._look is None or not note.startswith("replicate "):
            self._note = note or self._note  # which load it is, the look tells
        if self._panel.due or steps < 1 or self._done >= self._total:
            self._draw()

    def close(self) -> None:
        """Leave the last picture."""
        if self._what:
            self._draw()
        self._panel.stop()
        self._what = ""

    def _draw(self) -> None:
        rows: list[RenderableType] = [self._steps()]
        if self._look is not None:
            rows.append(_counts(self._look))
        if self._note:
            rows.append(words(self._note))
        self._panel.draw(self._what, rows)

    def _steps(self) -> RenderableType:
        spent_s = self._panel.clock() - self._started_s
        times = duration(spent_s)
        if self._done > 0:
            left_s = spent_s / self._done * max(self._total - self._done, 0)
            times += f", {duration(left_s)} left"
        share = self._done / self._total if self._total else 0.0
        unit = "s" if self._what.endswith("(seconds)") else "rounds"
        counted = f"{self._done:,} of {self._total:,} {unit}"
        return line(bar(share, width=_BAR), words(counted), words(times))


def _counts(look: RoundProgress) -> RenderableType:
    style = "yellow" if abs(look.drift - 1) > 0.05 else ""
    return line(
        words(f"replicate {look.replicate} of {look.replicates}"),
        words(f"drift {look.drift:.3f}", style),
        words(f"{look.disturbed_rounds} rounds disturbed"),
        words(f"{look.repeated_bursts} bursts repeated"),
    )
