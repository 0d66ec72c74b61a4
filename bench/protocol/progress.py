"""Interfaces for the progress of long work; the terminal displays are in `ofabench.display`."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class Progress(Protocol):
    """Receives the number of steps of long work, and each finished step."""

    def start(self, total: int, what: str) -> None:
        """Begin a stage of `total` steps; `what` names it for the user."""
        ...

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Add finished steps, with a short note on the current state."""
        ...

    def close(self) -> None:
        """End the stage, finished or not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundProgress:
    """State of a sweep after a round; disturbed rounds and repeated bursts are of this process.

    It is replicate `replicate` of `replicates`, counted from 1. `drift` is the time of the
    reference workloads over that of the process's first round (1.03: the device is 3 % slower now).
    """

    replicate: int
    replicates: int
    drift: float
    disturbed_rounds: int
    repeated_bursts: int


@runtime_checkable
class RoundWatcher(Protocol):
    """A progress that also receives the state of a sweep after each round, before the step."""

    def show_round(self, state: RoundProgress) -> None:
        """Receive the state of the sweep; nothing is measured meanwhile."""
        ...


@runtime_checkable
class WaitWatcher(Protocol):
    """A progress that displays waiting itself; for others it is logged."""

    def show_waiting(self, text: str) -> None:
        """Display who measures on the device now."""
        ...


class NoProgress:
    """A progress that displays nothing; for tests and for use as a library."""

    def start(self, total: int, what: str) -> None:
        del total, what

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note

    def close(self) -> None:
        pass
