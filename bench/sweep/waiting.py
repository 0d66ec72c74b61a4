"""Waiting for the next measurement session, shown as progress."""

from collections.abc import Callable

from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError
from bench.protocol.clock import Clock, iso
from bench.protocol.progress import Progress

STEP_S = 1.0
CLOCK_STEP_S = 5.0  # by which the clock may differ from the elapsed time


def wait_s(last_s: float, now_s: float, gap_s: float = SESSION_GAP_S) -> float:
    """Return the time until another session may begin; `InputError` if the clock was set back.

    `last_s` is when the last measurement ended.
    """
    if now_s < last_s - CLOCK_STEP_S:
        raise InputError(
            f"the clock says {iso(now_s)[:19]}, the last session ended at {iso(last_s)[:19]} (UTC):"
            " set the clock right, then measure again"
        )
    return max(0.0, last_s + gap_s - now_s)


def wait_until(
    due_s: float, clock: Clock, progress: Progress, note: Callable[[float], str]
) -> None:
    """Sleep until the clock shows `due_s` (seconds since 1970), with a progress step per second.

    `note` returns, by the time, a text for the progress. If the clock is set back, the wait is as
    long as planned at its start, and no longer.
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
