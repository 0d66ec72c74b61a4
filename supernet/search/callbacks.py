"""Callbacks of a search: what it reports while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """How a search stands. `costs` are those of the best network, by limit, as are `limits`.

    Budgets are None where there is none; `front` is the size of a front, None where one network
    is sought; `accuracy` a fraction, None while nothing is within the limits. `idle` generations
    of `patience` have brought nothing better.
    """

    what: str
    evaluated: int
    seconds: float
    accuracy: float | None
    costs: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    budget: int | None = None
    budget_s: float | None = None
    idle: int = 0
    patience: int | None = None
    front: int | None = None


class Watcher(Protocol):
    """Is shown each generation of a search."""

    def show(self, look: SearchProgress) -> None:
        """Take a look; called often, so it decides itself how often to draw."""
        ...

    def close(self) -> None:
        """The search has ended, well or not."""
        ...


class NoWatcher:
    """Sees nothing; for tests and for use as a library."""

    def show(self, look: SearchProgress) -> None:
        del look

    def close(self) -> None:
        pass
