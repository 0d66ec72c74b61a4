"""The wall clock that dates and separates measurement sessions; tests use a fake one."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Source of the time, and of waits."""

    def now(self) -> float:
        """Return the time of day in seconds since 1970; it may jump."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since a fixed point in time; it never jumps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for this number of seconds."""
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
    """Format a time, in seconds since 1970, as ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")


def unix_s(text: str) -> float:
    """Parse an ISO 8601 time, as UTC if it has no offset; `ValueError` for any other text."""
    time_of_day = datetime.fromisoformat(text)
    return (time_of_day if time_of_day.tzinfo else time_of_day.replace(tzinfo=UTC)).timestamp()
