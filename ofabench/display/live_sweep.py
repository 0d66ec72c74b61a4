"""A sweep on the terminal: rounds, drift, disturbances."""

import time

from rich.console import Console, RenderableType

from bench.protocol.progress import RoundProgress
from ofabench.display.live import Clock, line, words
from ofabench.display.stage_panel import StagePanel


class SweepPanel(StagePanel):
    """A `bench.protocol.progress.Progress` that also shows the state of a sweep.

    It is drawn between rounds, at most twice a second.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        super().__init__(console, clock)
        self._note = ""
        self._state: RoundProgress | None = None

    def show_round(self, state: RoundProgress) -> None:
        """Store the state of the sweep; `advance` draws it."""
        self._state = state

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count rounds; a step back, after a fault, is drawn at once."""
        self._done += steps
        if self._state is None or not note.startswith("replicate "):
            self._note = note or self._note  # the state has the replicate
        self._draw_if_due(steps < 1)

    def _rows(self) -> list[RenderableType]:
        left_s = None
        if self._done > 0:
            left_s = self._spent_s / self._done * max(self._total - self._done, 0)
        unit = "s" if self._what.endswith("(seconds)") else "rounds"
        rows = [self._progress_row(unit, left_s)]
        if self._state is not None:
            rows.append(_counts(self._state))
        if self._note:
            rows.append(words(self._note))
        return rows


def _counts(state: RoundProgress) -> RenderableType:
    style = "yellow" if abs(state.drift - 1) > 0.05 else ""
    return line(
        words(f"replicate {state.replicate} of {state.replicates}"),
        words(f"drift {state.drift:.3f}", style),
        words(f"{state.disturbed_rounds} rounds disturbed"),
        words(f"{state.repeated_bursts} bursts repeated"),
    )
