"""Stopping a call at once: its thread is interrupted by a signal, though never while it sends."""

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StoppedError(BaseException):
    """The client does not want the rest of a call; no handler of a runtime's errors catches it."""


class Stopper:
    """Interrupts the calls of the thread that creates it, which must be the main thread."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._current: float | None = None
        self._last_stopped = 0.0  # every call up to this number
        signal.signal(signal.SIGINT, self._on_signal)

    def stop(self, number: float = math.inf) -> None:
        """End the call of this number, and all before it; by default all later ones too."""
        self._last_stopped = max(self._last_stopped, number)
        signal.pthread_kill(self._thread, signal.SIGINT)

    @contextmanager
    def stoppable(self, number: int) -> Iterator[None]:
        """Raise `StoppedError` in the block as soon as this call is stopped."""
        self._current = number
        try:
            if number <= self._last_stopped:
                raise StoppedError
            yield
        finally:
            self._current = None

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Let the block end before a call is stopped: a half frame could not be read."""
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._current is not None and self._current <= self._last_stopped:
            raise StoppedError
