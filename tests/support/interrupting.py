"""A progress display that interrupts what it shows."""

from bench.protocol.progress import NoProgress


class CtrlCAtStep(NoProgress):
    """Presses Ctrl-C at a step, counted from 1."""

    def __init__(self, step: int) -> None:
        self._steps_left = step

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self._steps_left -= steps
        if self._steps_left == 0:
            raise KeyboardInterrupt
