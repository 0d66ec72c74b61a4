"""One progress for several sweeps that are measured by turns."""

from collections.abc import Sequence

from bench.protocol.progress import Progress, RoundProgress, RoundWatcher


class SharedProgress:
    """Shows the rounds of several sweeps as one stage; notes begin with the sweep's name.

    All sweeps have the same plan, so when the first one begins a stage the others are expected to
    begin one of as many rounds; where they do not, the stage is shown again with the right total.
    """

    def __init__(self, progress: Progress, names: Sequence[str]) -> None:
        self._progress = progress
        self._left = dict.fromkeys(names, 0)  # rounds, begun or expected
        self._ended: set[str] = set()
        self._replaced = False  # the display shows a wait

    def part(self, name: str) -> "PartProgress":
        """Return the progress of one sweep."""
        return PartProgress(self, name)

    def waiting(self) -> Progress:
        """Return the progress of a wait between two sessions, which has the display for itself."""
        return _WaitProgress(self, self._progress)

    def start(self, name: str, total: int, what: str) -> None:
        """Begin a stage of a sweep, with `total` rounds."""
        if self._left[name] == total and not self._replaced:
            return  # as expected
        self._left[name], self._replaced = total, False
        for other, left in self._left.items():
            if left == 0 and other not in self._ended:
                self._left[other] = total
        self._progress.start(sum(self._left.values()), what)

    def advance(self, name: str, steps: int, note: str) -> None:
        """Count rounds of a sweep."""
        self._left[name] -= steps
        self._progress.advance(steps, f"{name}, {note}" if note else name)

    def show_round(self, state: RoundProgress) -> None:
        """Pass on the state of the sweep whose round has ended."""
        if isinstance(self._progress, RoundWatcher):
            self._progress.show_round(state)

    def wait_ended(self) -> None:
        """Note that the display shows a wait, until a sweep begins its next stage."""
        self._replaced = True

    def end(self, name: str) -> None:
        """Note that a sweep is complete: it begins no further stage."""
        self._ended.add(name)
        self._left[name] = 0


class PartProgress:
    """Progress of one of several sweeps."""

    def __init__(self, shared: SharedProgress, name: str) -> None:
        self._shared, self._name = shared, name

    def start(self, total: int, what: str) -> None:
        self._shared.start(self._name, total, what)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._shared.advance(self._name, steps, note)

    def show_round(self, state: RoundProgress) -> None:
        self._shared.show_round(state)

    def close(self) -> None:
        self._shared.end(self._name)


class _WaitProgress:
    def __init__(self, shared: SharedProgress, progress: Progress) -> None:
        self._shared, self._progress = shared, progress

    def start(self, total: int, what: str) -> None:
        self._progress.start(total, what)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._progress.advance(steps, note)

    def close(self) -> None:
        self._progress.close()
        self._shared.wait_ended()
