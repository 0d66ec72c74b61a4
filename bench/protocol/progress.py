"""Progress of long work; the terminal's display of it is in `ofabench.display`."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class Progress(Protocol):
    """Told by long work how much there is, and each time some of it is done."""

    def start(self, total: int, what: str) -> None:
        """Begin a stretch of `total` steps, named for a person."""
        ...

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Steps done since the last call, with a short note on how it goes."""
        ...

    def close(self) -> None:
        """End the stretch, finished or not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundProgress:
    """How a sweep stands after a pass; `marked` passes and `retaken` visits are of this session.

    It is in its `load`th of `loads` loads, counted from 1. `level` is what the references take over
    what they took in the session's first pass (1.03: the device is 3 % slower now).
    """

    load: int
    loads: int
    level: float
    marked: int
    retaken: int


@runtime_checkable
class PassWatcher(Protocol):
    """A progress that is shown each pass of a sweep, just before it is told of the step."""

    def show_pass(self, look: RoundProgress) -> None:
        """Take a look; nothing is measured meanwhile."""
        ...


@runtime_checkable
class WaitWatcher(Protocol):
    """A progress that says itself for whom is waited; others leave that to the log."""

    def show_waiting(self, words: str) -> None:
        """Say who measures on the device now."""
        ...


class NoProgress:
    """Says nothing; for tests and for use as a library."""

    def start(self, total: int, what: str) -> None:
        del total, what

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note

    def close(self) -> None:
        pass
