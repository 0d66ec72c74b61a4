"""Waiting for the next measurement session, seen by a progress."""

from collections.abc import Callable

from bench.protocol.clock import Clock
from bench.protocol.progress import Progress

STEP_S = 1.0


def wait_until(
    due_s: float, clock: Clock, progress: Progress, note: Callable[[float], str]
) -> None:
    """Sleep until the clock says `due_s`, seconds since 1970; each second is a step of progress.

    `note` says, by the time, what is waited for. A clock that is set back makes it wait as long as
    it was to wait, and no longer.
    """
    left_s = due_s - clock.now()
    if left_s <= 0:
        return
    steps = max(1, round(left_s))
    progress.start(steps, "waiting (seconds)")
    begun_s = clock.monotonic()
    while (now_s := clock.now()) < due_s and (passed_s := clock.monotonic() - begun_s) < left_s:
        clock.sleep(min(STEP_S, due_s - now_s, left_s - passed_s))
        progress.advance(note=note(clock.now()))
    progress.close()
