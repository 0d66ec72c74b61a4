"""`Schedule`: phases of progressive shrinking, read from TOML."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from msgspec import Meta

from bench.errors import InputError
from bench.files import parse_toml, toml_text
from bench.reading import NonNegative, Text, from_plain, wrong_value
from supernet.space.tables import LARGEST, Number, Whole

IMPORTED = 'name = "imported"\nphases = []'
"""TOML of an empty schedule, for weights that were trained elsewhere."""

_Fraction = Annotated[float, Meta(ge=0, lt=1)]
CHOICES = ("resolutions", "depths", "kernels", "expands", "widths")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Phase of training with one set of allowed sub-networks.

    `resolutions` to `widths` are the numbers of choices to draw from, counted from the largest;
    None for all. `lr` is the peak learning rate, after a linear warm-up of `warmup_epochs`,
    followed by a cosine to 0, or with `decay` "none" by the constant `lr`. Each step sums the
    gradients of `subnets` sub-networks on one batch of `batch` images over all ranks and
    micro-batches. `distillation` is the weight of the cross-entropy with the teacher's soft labels,
    relative to that with the true labels; the teacher is the full network after the first phase
    (OFA). With `sampling` "sandwich" every step trains the largest network of the phase, which
    learns from the labels and teaches the others, the smallest, and random ones (BigNAS). With
    `trainable` "head" only the classifier is trained: all other tensors stay unchanged, running
    statistics of batch norms included, and frozen blocks normalise by the statistics of the batch.
    """

    name: Text
    epochs: Whole
    lr: Number
    batch: Annotated[int, Meta(ge=2, le=LARGEST)]
    warmup_epochs: NonNegative = 0.0
    decay: Literal["cosine", "none"] = "cosine"
    subnets: Whole = 1
    sampling: Literal["uniform", "sandwich"] = "uniform"
    distillation: NonNegative = 0.0
    trainable: Literal["all", "head"] = "all"
    resolutions: Whole | None = None
    depths: Whole | None = None
    kernels: Whole | None = None
    expands: Whole | None = None
    widths: Whole | None = None

    @property
    def sandwich(self) -> bool:
        """Whether the first network of each step is the largest, and teaches the others."""
        return self.sampling == "sandwich"

    @property
    def head_only(self) -> bool:
        """Whether only the classifier is trained."""
        return self.trainable == "head"

    def lr_at(self, step: int, steps_per_epoch: int) -> float:
        """Return the learning rate of a step, counted from 0 in the phase."""
        warmup = round(self.warmup_epochs * steps_per_epoch)
        if step < warmup:
            return self.lr * (step + 1) / (warmup + 1)
        if self.decay == "none":
            return self.lr
        done = (step - warmup) / (self.epochs * steps_per_epoch - warmup)
        return self.lr * 0.5 * (1.0 + math.cos(math.pi * done))

    def widens(self, previous: "Phase") -> bool:
        """Return whether this phase allows hidden widths that the previous phase did not."""
        if previous.expands is None:
            return False
        return self.expands is None or self.expands > previous.expands


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The keys of a schedule's TOML."""

    name: Text
    phases: tuple[Phase, ...]
    momentum: _Fraction = 0.0
    weight_decay: _Fraction = 0.0
    label_smoothing: _Fraction = 0.0
    clip_norm: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(_Table):
    """Phases in order, and the optimiser that they share (SGD with Nesterov momentum).

    Gradients are clipped to the norm `clip_norm`; 0 for no clipping. `text` is the TOML it was read
    from: equal texts give equal training.
    """

    text: str = field(repr=False, compare=False)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Load a shipped schedule by its name, or one from a `.toml` file.

        `InputError` names the known schedules, or the wrong field.
        """
        name = str(name_or_path)
        if name.endswith(".toml"):
            return cls.from_toml(toml_text(Path(name_or_path)), name)
        names = schedule_names()
        if name not in names:
            raise InputError(
                f"unknown schedule {name!r}; known: {', '.join(names)}, or a .toml file"
            )
        file = resources.files("supernet.train.schedules") / f"{name}.toml"
        return cls.from_toml(file.read_text(encoding="utf-8"), name)

    @classmethod
    def from_toml(cls, text: str, where: str = "schedule", *, taught: bool = False) -> Self:
        """Read a schedule from TOML; `where` names its source in the errors (`InputError`).

        A first phase with distillation needs a teacher from elsewhere (`taught`).
        """
        table = from_plain(_Table, parse_toml(text, where), where)
        for number, phase in enumerate(table.phases):
            problem = _problem(phase, f"phases[{number}]")
            if problem:
                raise InputError(f"{where}: {problem}")
        values = {key.name: getattr(table, key.name) for key in fields(table)}
        schedule = cls(**values, text=text)
        first = schedule.phases[0] if schedule.phases else None
        if first is not None and first.distillation and not (first.sandwich or taught):
            expected = "none: the first phase trains the full network, which is the teacher"
            problem = wrong_value("phases[0].distillation", first.distillation, expected)
            raise InputError(f"{where}: {problem}")
        return schedule


def steps_done(phases: Sequence[Phase], images: int, place: tuple[int, int, int]) -> int:
    """Return the number of optimiser steps before a place on so many images.

    `place` is a number of completed phases, epochs of the next phase, and steps of the next epoch.
    """
    number, epoch, step = place
    done = sum(phase.epochs * (images // phase.batch) for phase in phases[:number])
    return done + (epoch * (images // phases[number].batch) if epoch else 0) + step


def schedule_names() -> list[str]:
    """Names of the shipped schedules, sorted."""
    folder = resources.files("supernet.train.schedules")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def _problem(phase: Phase, place: str) -> str:
    """Say what in a phase does not fit together; "" where all does."""
    if phase.warmup_epochs >= phase.epochs:
        expected = f"less than the {phase.epochs} epochs"
        return wrong_value(f"{place}.warmup_epochs", phase.warmup_epochs, expected)
    if phase.sandwich and phase.subnets < 2:
        expected = "2 or more: the largest and the smallest"
        return wrong_value(f"{place}.subnets", phase.subnets, expected)
    return ""
