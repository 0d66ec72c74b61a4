"""`Schedule`: progressive shrinking as data, and what its numbers mean at each step."""

import math
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Self

from bench.errors import FileError, InputError
from bench.files import parse_toml, read_bytes
from supernet.space.fields import Fields

IMPORTED = 'name = "imported"\nphases = []'
"""TOML of no training at all: what weights that were trained elsewhere have for a schedule."""

SAMPLINGS = ("uniform", "sandwich")
CHOICES = ("resolutions", "depths", "kernels", "expands", "widths")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training with one set of allowed sub-networks.

    `resolutions` to `widths` say how many of the space's choices may be drawn, counted from the
    largest; None for all. `lr` is the peak: reached linearly in `warmup_epochs`, then a cosine
    to 0. Each step sums the gradients of `subnets` sub-networks on one batch, of `batch` images
    over all ranks and micro-batches. `distillation` weighs the cross-entropy with the teacher's
    soft labels beside that with the true ones; the teacher is the full network as the first phase
    left it (OFA). With `sampling` "sandwich" every step holds the phase's largest network, which
    learns from the labels and teaches the others in place, its smallest, and random ones (BigNAS).
    """

    name: str
    epochs: int
    lr: float
    batch: int
    warmup_epochs: float = 0.0
    subnets: int = 1
    sampling: str = "uniform"
    distillation: float = 0.0
    resolutions: int | None = None
    depths: int | None = None
    kernels: int | None = None
    expands: int | None = None
    widths: int | None = None

    @property
    def sandwich(self) -> bool:
        """Whether each step's first network is the largest, and teaches the others."""
        return self.sampling == "sandwich"

    def lr_at(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of a step, counted from 0 in the phase."""
        warmup = round(self.warmup_epochs * steps_per_epoch)
        if step < warmup:
            return self.lr * (step + 1) / (warmup + 1)
        done = (step - warmup) / (self.epochs * steps_per_epoch - warmup)
        return self.lr * 0.5 * (1.0 + math.cos(math.pi * done))

    def widens(self, before: "Phase") -> bool:
        """Whether hidden widths are allowed here that were not in the phase before."""
        if before.expands is None:
            return False
        return self.expands is None or self.expands > before.expands


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Phases in order, and the optimiser that they share (SGD with Nesterov momentum).

    Gradients longer than `clip_norm` are shortened to it; 0 for none. `text` is the TOML it was
    read from: two runs with equal texts train alike.
    """

    name: str
    phases: tuple[Phase, ...]
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    text: str = field(repr=False, compare=False)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Load a shipped schedule by its name, or one from a `.toml` file.

        `InputError` names the known ones, or the field that is wrong.
        """
        name = str(name_or_path)
        if name.endswith(".toml"):
            try:
                return cls.from_toml(read_bytes(Path(name_or_path)).decode(), name)
            except UnicodeDecodeError as error:
                raise FileError(f"{name} is not TOML: {error}") from error
        known = schedule_names()
        if name not in known:
            raise InputError(
                f"unknown schedule {name!r}; known: {', '.join(known)}, or a .toml file"
            )
        file = resources.files("supernet.train.schedules") / f"{name}.toml"
        return cls.from_toml(file.read_text(encoding="utf-8"), name)

    @classmethod
    def from_toml(cls, text: str, where: str = "schedule") -> Self:
        """Read a schedule from TOML; `where` names its source in the errors (`InputError`)."""
        try:
            fields = Fields(parse_toml(text), where)
        except ValueError as error:
            raise InputError(f"{where} is not TOML: {error}") from error
        schedule = cls(
            name=fields.text("name"),
            momentum=_fraction(fields, "momentum"),
            weight_decay=_fraction(fields, "weight_decay"),
            label_smoothing=_fraction(fields, "label_smoothing"),
            clip_norm=_optional(fields, "clip_norm"),
            phases=tuple(_read_phase(table) for table in fields.tables("phases", minimum=0)),
            text=text,
        )
        fields.done()
        first = schedule.phases[0] if schedule.phases else None
        if first is not None and first.distillation and not first.sandwich:
            raise fields.error(
                "phases[0].distillation",
                first.distillation,
                "none: the full network that teaches is trained by the first phase",
            )
        return schedule


def schedule_names() -> list[str]:
    """Names of the shipped schedules, sorted."""
    folder = resources.files("supernet.train.schedules")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def _read_phase(table: Fields) -> Phase:
    epochs = table.integer("epochs")
    phase = Phase(
        name=table.text("name"),
        epochs=epochs,
        lr=table.number("lr"),
        batch=table.integer("batch", minimum=2),
        warmup_epochs=_optional(table, "warmup_epochs"),
        subnets=table.integer("subnets", default=1),
        sampling=table.text("sampling", allowed=SAMPLINGS) if "sampling" in table else "uniform",
        distillation=_optional(table, "distillation"),
        **{name: table.integer(name) for name in CHOICES if name in table},
    )
    if phase.warmup_epochs >= epochs:
        raise table.error("warmup_epochs", phase.warmup_epochs, f"less than the {epochs} epochs")
    if phase.sandwich and phase.subnets < 2:
        raise table.error("subnets", phase.subnets, "2 or more: the largest and the smallest")
    table.done()
    return phase


def _optional(fields: Fields, name: str) -> float:
    return fields.number(name) if name in fields else 0.0


def _fraction(fields: Fields, name: str) -> float:
    value = _optional(fields, name)
    if value >= 1:
        raise fields.error(name, value, "a number below 1")
    return value
