"""Progress reports of a running search."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """Progress of a search. `costs` (of the best network) and `limits` are by name of the limit.

    Budgets may be None. `front` is the size of a front, None in a search for a single network.
    `accuracy` is a fraction, None while no network meets the limits. `idle` of at most
    `patience` generations have brought no improvement.
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
    """Receives the progress after each generation of a search."""

    def show(self, progress: SearchProgress) -> None:
        """Show the progress; called often, so implementations limit their updates."""
        ...

    def close(self) -> None:
        """Handle the end of the search, also after an error."""
        ...


class NoWatcher:
    """Ignores all progress."""

    def show(self, progress: SearchProgress) -> None:
        del progress

    def close(self) -> None:
        pass
