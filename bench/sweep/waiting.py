"""Waiting for the next measurement session, shown as progress."""

from collections.abc import Callable

from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError
from bench.protocol.clock import Clock, iso
from bench.protocol.progress import Progress

STEP_S = 1.0
CLOCK_STEP_S = 5.0  # by which the clock may move against the time that passes


def wait_s(last_s: float, now_s: float, gap_s: float = SESSION_GAP_S) -> float:
    """How long it is until a session begins that is another one; `InputError` where time ran back.

    `last_s` is when the last measuring ended.
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
