"""A training on the terminal: steps, phase, time left, curves of loss and accuracy."""

import time

from rich.console import Console, RenderableType

from ofabench.display.live import Clock, LivePanel, bar, duration, line, sparkline, words
from supernet.train.callbacks import TrainingProgress

SECONDS_BETWEEN_REDRAWS = 0.5
_BAR = 24
_CURVE = 30  # characters


class TrainingPanel:
    """A `bench.protocol.progress.Progress` that also shows the figures of training steps.

    It is drawn between steps, at most twice a second. A point of a curve is the mean since the last
    picture.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        self._panel = LivePanel(SECONDS_BETWEEN_REDRAWS, console, clock)
        self._what = ""
        self._total = self._done = 0
        self._started_s = 0.0
        self._step: TrainingProgress | None = None
        self._recent: list[TrainingProgress] = []
        self._losses: list[float] = []
        self._accuracies: list[float] = []

    def start(self, total: int, what: str) -> None:
        """Begin a stage of `total` steps."""
        self._what, self._total, self._done = what, total, 0
        self._started_s = self._panel.clock()
        self._draw()

    def show_step(self, step: TrainingProgress) -> None:
        """Keep the figures of a step until the next picture."""
        self._recent.append(step)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; a resumed training adds its earlier steps at once."""
        del note  # `show_step` has more figures
        self._done += steps
        if self._panel.due or self._done >= self._total:
            self._draw()

    def close(self) -> None:
        """Draw the final state, which remains."""
        if self._what:
            self._draw()
        self._panel.stop()
        self._what = ""

    def _draw(self) -> None:
        if self._recent:
            self._step = self._recent[-1]
            self._losses.append(_mean([step.loss for step in self._recent]))
            self._accuracies.append(_mean([step.accuracy for step in self._recent]))
            self._recent = []
        rows = [self._steps()]
        if self._step is not None:
            rows += [_place(self._step), self._curves()]
        self._panel.draw(self._what, rows)

    def _steps(self) -> RenderableType:
        times = duration(self._panel.clock() - self._started_s)
        if self._step is not None:
            times += f", {duration(self._step.seconds_left)} left"
        share = self._done / self._total if self._total else 0.0
        counted = f"{self._done:,} of {self._total:,} steps"
        return line(bar(share, width=_BAR), words(counted), words(times))

    def _curves(self) -> RenderableType:
        width = max(min(_CURVE, (self._panel.console.width - 50) // 2), 0)
        ascii_only = self._panel.console.options.ascii_only
        curves = (
            sparkline(values, width, ascii_only=ascii_only) if width > 1 else ""
            for values in (self._losses, self._accuracies)
        )
        loss, accuracy = curves
        return line(
            words(f"loss {self._losses[-1]:.3f}"),
            words(loss, "yellow"),
            words(f"training accuracy {self._accuracies[-1]:.1%}"),
            words(accuracy, "green"),
        )


def _place(step: TrainingProgress) -> RenderableType:
    return line(
        words(f"phase {step.phase} ({step.phase_number} of {step.phases})", "bold"),
        words(f"epoch {step.epoch} of {step.epochs}"),
        words(f"{step.images_per_s:,.0f} images/s"),
        words(f"learning rate {step.lr:.3g}"),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
