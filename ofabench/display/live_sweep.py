"""A sweep on the terminal: rounds, drift, disturbances."""

import time

from rich.console import Console, RenderableType

from bench.protocol.progress import RoundProgress
from ofabench.display.live import Clock, LivePanel, bar, duration, line, words

SECONDS_BETWEEN_REDRAWS = 0.5
_BAR = 24


class SweepPanel:
    """A `bench.protocol.progress.Progress` that also shows the state of a sweep.

    It is drawn between rounds, at most twice a second.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self._panel = LivePanel(SECONDS_BETWEEN_REDRAWS, console, clock)
        self._what, self._note = "", ""
        self._total = self._done = 0
        self._started_s = 0.0
        self._state: RoundProgress | None = None

    def start(self, total: int, what: str) -> None:
        """Begin a stage of `total` rounds."""
        self._what, self._total, self._done = what, total, 0
        self._started_s = self._panel.clock()
        self._draw()

    def show_round(self, state: RoundProgress) -> None:
        """Store the state of the sweep; `advance` draws it."""
        self._state = state

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count rounds; a step back, after a fault, is drawn at once."""
        self._done += steps
        if self._state is None or not note.startswith("replicate "):
            self._note = note or self._note  # the state has the replicate
        if self._panel.due or steps < 1 or self._done >= self._total:
            self._draw()

    def close(self) -> None:
        """Draw the final state, which remains."""
        if self._what:
            self._draw()
        self._panel.stop()
        self._what = ""

    def _draw(self) -> None:
        rows: list[RenderableType] = [self._steps()]
        if self._state is not None:
            rows.append(_counts(self._state))
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


def _counts(state: RoundProgress) -> RenderableType:
    style = "yellow" if abs(state.drift - 1) > 0.05 else ""
    return line(
        words(f"replicate {state.replicate} of {state.replicates}"),
        words(f"drift {state.drift:.3f}", style),
        words(f"{state.disturbed_rounds} rounds disturbed"),
        words(f"{state.repeated_bursts} bursts repeated"),
    )
