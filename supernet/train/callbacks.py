"""Callbacks of a training: what it reports after each step and after each epoch."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAccuracy:
    """Accuracy (a fraction) of a network, by its name, on so many validation images."""

    network: str
    accuracy: float
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEpoch:
    """A finished epoch of a training, whose checkpoint is written; all numbers count from 1.

    `epoch` of `epochs` is its number in the phase. `steps` are the optimiser's steps since the
    start of the training. `loss` is the mean over the epoch's steps and sub-networks, `lr` the
    learning rate of the last step. `images` counts each image once for each sub-network that it
    trained, `seconds` is the time of the epoch's steps. `accuracies` are those on validation
    images; empty where there are none.

    Example:
        >>> best = NetworkAccuracy(network="largest", accuracy=0.75, images=500)
        >>> epoch = TrainingEpoch(
        ...     phase="all", phase_number=1, phases=1, epoch=2, epochs=8, steps=80, loss=0.5,
        ...     lr=0.05, images=5120, seconds=2.0, accuracies=(best,))
        >>> epoch.images_per_s, epoch.accuracy("largest"), epoch.accuracy("smallest")
        (2560.0, 0.75, None)
    """

    phase: str
    phase_number: int
    phases: int
    epoch: int
    epochs: int
    steps: int
    loss: float
    lr: float
    images: int
    seconds: float
    accuracies: tuple[NetworkAccuracy, ...] = ()

    @property
    def images_per_s(self) -> float:
        """Images per second, each counted once for each sub-network that it trained."""
        return self.images / max(self.seconds, 1e-9)

    def accuracy(self, network: str) -> float | None:
        """Return the validation accuracy of a network by its name; None where it has none."""
        by_name = {each.network: each.accuracy for each in self.accuracies}
        return by_name.get(network)


class TrainCallback(Protocol):
    """A function, or another callable, that a training calls after each epoch.

    It is called when the epoch's checkpoint is written, in the first process of torchrun alone, and
    never twice for an epoch, also not after a resume. What it returns is ignored. An exception that
    it raises ends the training; the epoch is kept, and the training can be resumed.
    """

    def __call__(self, epoch: TrainingEpoch, /) -> object:
        """Take the figures of an epoch; nothing is trained meanwhile."""
        ...
