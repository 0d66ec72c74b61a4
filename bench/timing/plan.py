"""`SweepPlan`: how many replicates, rounds and samples a sweep measures."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from bench.errors import InputError
from bench.protocol.device import ReplicatePlan
from bench.reading import from_plain

SPARE_SHARE = 0.3
_FILE_NAMES = {
    "replicates": "loads",
    "rounds": "passes",
    "samples": "calls",
    "requested": "asked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """How a sweep is measured; equal plans on the fake device give equal samples.

    `memory_bytes` limits the memory of a replicate's models; None means half of what is free when
    groups are formed. `requested` has the options that decide what is measured, as text: a resume
    with others is refused.
    """

    replicates: int = 6
    rounds: int = 30
    samples: int = 3  # of a burst
    seed: int = 0
    group_s: float = 60.0  # approximate time of one replicate of one group
    memory_bytes: int | None = None
    requested: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("replicates", "rounds", "samples"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (math.isfinite(self.group_s) and self.group_s > 0):
            raise InputError(f"group_s must be a time above 0 s, got {self.group_s}")
        object.__setattr__(self, "requested", tuple(sorted((k, v) for k, v in self.requested)))

    @property
    def max_rounds(self) -> int:
        """Rounds of a replicate at most: disturbed ones are repeated up to this number."""
        return self.rounds + math.ceil(SPARE_SHARE * self.rounds)

    def replicate_plan(self, group: int, replicate: int) -> ReplicatePlan:
        """Return the plan of one replicate; its orders, weights and inputs have a separate seed."""
        seed = int(np.random.SeedSequence([self.seed, group, replicate]).generate_state(1)[0])
        return ReplicatePlan(rounds=self.max_rounds, samples=self.samples, seed=seed)

    def to_json(self) -> dict[str, Any]:
        """Return the fields, by the names that sweep files have for them."""
        return {_FILE_NAMES.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` returned; `InputError` for anything else."""
        if isinstance(data, dict):
            names = {file_name: name for name, file_name in _FILE_NAMES.items()}
            data = {names.get(name, name): value for name, value in data.items()}
        return from_plain(cls, data, "a plan")

    def difference(self, other: "SweepPlan") -> str:
        """Return in words what differs from `other`, "" if nothing does."""
        mine, theirs = self._flat(), other._flat()
        names = [n for n in {**mine, **theirs} if mine.get(n) != theirs.get(n)]
        return ", ".join(f"{n} {mine.get(n)} and not {theirs.get(n)}" for n in names)

    def _flat(self) -> dict[str, Any]:
        flat = asdict(self)
        return {**flat, **dict(flat.pop("requested")), "requested": None}
