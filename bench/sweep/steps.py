"""Steps of a sweep's progress: rounds, or seconds of a budget."""

from bench.protocol.clock import Clock
from bench.protocol.progress import Progress


class Steps:
    """Reports rounds to a progress, or, with a budget, its seconds.

    `spent_s` is the part of `budget_s` that earlier processes used.
    """

    def __init__(
        self, progress: Progress, clock: Clock, budget_s: float | None, spent_s: float
    ) -> None:
        self._progress, self._clock, self._budget_s = progress, clock, budget_s
        self._begun_s = clock.monotonic() - spent_s
        self._reported_s: int | None = None  # None before the budget's scale is shown
        self._rounds = 0  # of the current replicate

    def start(self, rounds: int, session: str) -> None:
        """Begin a stage of `rounds` rounds; `session` names it if there are several."""
        text = ", ".join(part for part in ("measuring", session) if part)
        if self._budget_s is None:
            self._progress.start(rounds, text)
        elif self._reported_s is None:
            self._reported_s = 0
            self._progress.start(max(1, round(self._budget_s)), f"{text} (seconds)")
            self._advance("")

    def waited(self, seconds: float) -> None:
        """Exclude a wait, which had its own progress: the following stage begins again."""
        self._begun_s += seconds
        self._reported_s = None

    def paused(self, seconds: float) -> None:
        """Exclude the time in which other sweeps were measured."""
        self._begun_s += seconds

    def begin_replicate(self) -> None:
        """Begin a replicate."""
        self._rounds = 0

    def round_done(self, note: str) -> None:
        """Report a round."""
        self._rounds += 1
        if self._budget_s is None:
            self._progress.advance(note=note)
        else:
            self._advance(note)

    def back(self, note: str) -> None:
        """Report that the current replicate is measured from its beginning again."""
        self._progress.advance(-self._rounds if self._budget_s is None else 0, note=note)
        self._rounds = 0

    def _advance(self, note: str) -> None:
        reported_s = self._reported_s or 0
        now_s = max(reported_s, int(self._clock.monotonic() - self._begun_s))
        if now_s > reported_s or note:
            self._reported_s = now_s
            self._progress.advance(now_s - reported_s, note)
