"""Options of fine-tuning a single network."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import option
from ofabench.options.running import RunningOptions

DECAYS = ("cosine", "none")
_SCHEDULE = "schedule"
_TEACHER = "distillation"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneOptions(RunningOptions):
    """Schedule, teacher, weight average, and how the training runs.

    Example:
        >>> FinetuneOptions(epochs=3, ema=0.999).ema
        0.999
    """

    epochs: int = option(
        10,
        minimum=1,
        metavar="N",
        group=_SCHEDULE,
        help="epochs that train all weights ({default})",
    )
    lr: float = option(
        0.02, above=0, group=_SCHEDULE, help="peak learning rate, for a step's batch ({default})"
    )
    warmup_epochs: float = option(
        0.5,
        minimum=0,
        metavar="N",
        group=_SCHEDULE,
        help="epochs in which the learning rate rises linearly ({default})",
    )
    decay: str = option(
        "cosine",
        choices=DECAYS,
        group=_SCHEDULE,
        help="the learning rate after the warm-up: a cosine to 0, or constant ({default})",
    )
    batch: int = option(
        128, minimum=2, metavar="N", group=_SCHEDULE, help="images of a step ({default})"
    )
    head_epochs: int = option(
        0,
        minimum=0,
        metavar="N",
        group=_SCHEDULE,
        help="epochs before these that train the classifier only, for other classes ({default})",
    )
    head_lr: float = option(
        0.1, above=0, group=_SCHEDULE, help="peak learning rate of --head-epochs ({default})"
    )
    weight_decay: float = option(
        3e-5,
        minimum=0,
        below=1,
        group=_SCHEDULE,
        help="weight decay, not of norms and biases ({default})",
    )
    label_smoothing: float = option(
        0.1, minimum=0, below=1, group=_SCHEDULE, help="label smoothing ({default})"
    )
    clip_norm: float = option(
        0.0,
        minimum=0,
        group=_SCHEDULE,
        help="largest norm of the gradient, 0 for no limit ({default})",
    )
    ema: float | None = option(
        None,
        above=0,
        below=1,
        metavar="DECAY",
        help="average the weights over the steps with this decay, such as 0.999; the averaged "
        "weights are evaluated and kept (default: no average)",
    )
    teacher: Path | None = option(
        None,
        metavar="SUPERNET.safetensors",
        group=_TEACHER,
        help="also learn from the predictions of the largest sub-network of this supernet",
    )
    distillation: float = option(
        1.0,
        above=0,
        group=_TEACHER,
        help="weight of the teacher's predictions relative to the labels ({default})",
    )

    def check(self) -> None:
        """Check the device, and that the schedule fits its epochs."""
        RunningOptions.check(self)  # `super()` does not work in a dataclass with slots
        if self.warmup_epochs >= self.epochs:
            raise InputError(
                f"--warmup-epochs is {self.warmup_epochs:g}, expected less than the "
                f"{self.epochs} of --epochs"
            )
        if self.teacher is None and self.distillation != 1:
            raise InputError("--distillation weighs the predictions of a --teacher: give one")
