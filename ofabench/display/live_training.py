"""A training on the terminal: steps, phase, time left, curves of loss and accuracy."""

import time

from rich.console import Console, RenderableType

from ofabench.display.live import Clock, line, sparkline, words
from ofabench.display.stage_panel import StagePanel
from supernet.train.callbacks import TrainingProgress

_CURVE = 30  # characters


class TrainingPanel(StagePanel):
    """A `bench.protocol.progress.Progress` that also shows the figures of training steps.

    It is drawn between steps, at most twice a second. A point of a curve is the mean since the last
    picture.
    """

    def __init__(self, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        super().__init__(console, clock)
        self._step: TrainingProgress | None = None
        self._recent: list[TrainingProgress] = []
        self._losses: list[float] = []
        self._accuracies: list[float] = []

    def show_step(self, step: TrainingProgress) -> None:
        """Keep the figures of a step until the next picture."""
        self._recent.append(step)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; a resumed training adds its earlier steps at once."""
        del note  # `show_step` has more figures
        self._done += steps
        self._draw_if_due()

    def _rows(self) -> list[RenderableType]:
        if self._recent:
            self._step = self._recent[-1]
            self._losses.append(_mean([step.loss for step in self._recent]))
            self._accuracies.append(_mean([step.accuracy for step in self._recent]))
            self._recent = []
        if self._step is None:
            return [self._progress_row("steps", None)]
        progress_row = self._progress_row("steps", self._step.seconds_left)
        return [progress_row, _phase_row(self._step), self._curves()]

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


def _phase_row(step: TrainingProgress) -> RenderableType:
    return line(
        words(f"phase {step.phase} ({step.phase_number} of {step.phases})", "bold"),
        words(f"epoch {step.epoch} of {step.epochs}"),
        words(f"{step.images_per_s:,.0f} images/s"),
        words(f"learning rate {step.lr:.3g}"),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
