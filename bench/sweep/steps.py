"""Steps of a sweep's progress: rounds, or seconds of a budget."""

from bench.protocol.clock import Clock
from bench.protocol.progress import Progress


class Steps:
    """Tells a progress of passes; or, where there is a budget, of the seconds of all of it.

    `spent_s` is what earlier processes spent of `budget_s`.
    """

    def __init__(
        self, progress: Progress, clock: Clock, budget_s: float | None, spent_s: float
    ) -> None:
        self._progress, self._clock, self._budget_s = progress, clock, budget_s
        self._begun_s = clock.monotonic() - spent_s
        self._told_s: int | None = None  # None before the scale of the budget is shown
        self._passes = 0  # of the load in hand

    def start(self, passes: int, session: str) -> None:
        """Begin a stretch of so many passes; `session` names it where there are several."""
        words = ", ".join(word for word in ("measuring", session) if word)
        if self._budget_s is None:
            self._progress.start(passes, words)
        elif self._told_s is None:
            self._told_s = 0
            self._progress.start(max(1, round(self._budget_s)), f"{words} (seconds)")
            self._advance("")

    def waited(self, seconds: float) -> None:
        """Leave a wait out, which had a progress to itself: what follows begins once more."""
        self._begun_s += seconds
        self._told_s = None

    def begin_load(self) -> None:
        """Begin a load."""
        self._passes = 0

    def passed(self, note: str) -> None:
        """Tell of a pass."""
        self._passes += 1
        if self._budget_s is None:
            self._progress.advance(note=note)
        else:
            self._advance(note)

    def back(self, note: str) -> None:
        """Tell that the load in hand is measured from its start again."""
        self._progress.advance(-self._passes if self._budget_s is None else 0, note=note)
        self._passes = 0

    def _advance(self, note: str) -> None:
        told_s = self._told_s or 0
        now_s = max(told_s, int(self._clock.monotonic() - self._begun_s))
        if now_s > told_s or note:
            self._told_s = now_s
            self._progress.advance(now_s - told_s, note)
