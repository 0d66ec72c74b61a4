"""Fake clock that advances on request, or when something sleeps."""

from bench.protocol.clock import unix_s

NOON_S = unix_s("2026-03-01T12:00:00+00:00")


class FakeClock:
    """A `bench.protocol.clock.Clock`; each reading advances it by `tick_s`."""

    def __init__(self, now_s: float = NOON_S, tick_s: float = 0.0) -> None:
        self.now_s, self.tick_s = now_s, tick_s
        self.passed_s = 0.0
        self.slept_s = 0.0

    def now(self) -> float:
        self.sleep_quietly(self.tick_s)
        return self.now_s

    def monotonic(self) -> float:
        return self.passed_s

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.sleep_quietly(seconds)

    def sleep_quietly(self, seconds: float) -> None:
        """Advance the clock without a recorded wait."""
        self.now_s += seconds
        self.passed_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the time of day without time passing."""
        self.now_s += seconds
