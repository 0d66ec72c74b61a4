"""`SweepPlan`: how many replicates, rounds and samples a sweep measures."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from bench.errors import InputError
from bench.protocol.device import LoadPlan
from bench.reading import from_plain

SPARE_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """How a sweep is measured; equal plans on the fake device give equal samples.

    `memory_bytes` bounds what a load's models may take, None for half of what is free when
    groups are laid. `asked` is what the user asked to be measured, in words: kept to refuse a
    resume that asks for something else.
    """

    loads: int = 6
    passes: int = 30
    calls: int = 3
    seed: int = 0
    group_s: float = 60.0  # about how long one load of one group measures
    memory_bytes: int | None = None
    asked: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("loads", "passes", "calls"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (math.isfinite(self.group_s) and self.group_s > 0):
            raise InputError(f"group_s must be a time above 0 s, got {self.group_s}")
        object.__setattr__(self, "asked", tuple(sorted((k, v) for k, v in self.asked)))

    @property
    def most_passes(self) -> int:
        """Passes of a load when marked ones are repeated for as long as time lasts."""
        return self.passes + math.ceil(SPARE_SHARE * self.passes)

    def load_plan(self, group: int, load: int) -> LoadPlan:
        """Return the plan of one load; every load has orders, weights and inputs of its own."""
        seed = int(np.random.SeedSequence([self.seed, group, load]).generate_state(1)[0])
        return LoadPlan(passes=self.most_passes, calls=self.calls, seed=seed)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return from_plain(cls, data, "a plan")

    def difference(self, other: "SweepPlan") -> str:
        """Say in words what differs from `other`, '' when nothing does."""
        mine, theirs = self._flat(), other._flat()
        names = [n for n in {**mine, **theirs} if mine.get(n) != theirs.get(n)]
        return ", ".join(f"{n} {mine.get(n)} and not {theirs.get(n)}" for n in names)

    def _flat(self) -> dict[str, Any]:
        flat = asdict(self)
        return {**flat, **dict(flat.pop("asked")), "asked": None}
