"""How long work tells of itself; the terminal's own display lives in the front door."""

from typing import Protocol


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


class NoProgress:
    """Says nothing; for tests and for use as a library."""

    def start(self, total: int, what: str) -> None:
        del total, what

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note

    def close(self) -> None:
        pass
