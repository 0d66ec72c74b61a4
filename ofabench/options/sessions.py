"""Checks of options that several commands with measurement sessions share."""

from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError


def check_every(every_s: float | None) -> None:
    """Raise `InputError` if measurement sessions would be too close to count as two."""
    if every_s is not None and every_s < SESSION_GAP_S:
        raise InputError(
            f"--every is {every_s:g} s, expected at least {SESSION_GAP_S:g} s (5m): measurements "
            "within five minutes are one measurement session"
        )
