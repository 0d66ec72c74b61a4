"""Callbacks of a training: what it reports after each step."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """State of a training after a step; phases and epochs are counted from 1.

    `loss` and `accuracy` (a fraction) are means over the step's sub-networks, on the training
    images of the step as they are augmented. `seconds_left` assumes that the images of later phases
    take as long as those of this epoch.
    """

    phase: str
    phase_number: int
    phases: int
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    lr: float
    images_per_s: float
    seconds_left: float


@runtime_checkable
class StepWatcher(Protocol):
    """A progress that shows every step of a training, just before it counts the step."""

    def show_step(self, step: TrainingProgress) -> None:
        """Take the figures of a step; nothing is trained meanwhile."""
        ...
