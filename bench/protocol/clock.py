"""The wall clock that dates and separates measurement sessions; tests use a fake one."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, and waits."""

    def now(self) -> float:
        """Return the time of day, in seconds since 1970; it may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment; it never jumps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait so long."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def iso(unix_s: float) -> str:
    """Write a time, given in seconds since 1970, as ISO 8601 to the millisecond."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")


def unix_s(text: str) -> float:
    """Read a time in ISO 8601, one without an offset as UTC; `ValueError` for any other text."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
