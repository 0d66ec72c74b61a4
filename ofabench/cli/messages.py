"""Log messages of the packages, shown by the command line; the library prints nothing."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = "ofabench: "
PACKAGES = ("bench", "latency_models", "supernet", "ofabench")


class _StderrHandler(logging.Handler):
    """Writes each message as a line on what is standard error at that moment.

    Warnings begin with the program's name, as errors do.
    """

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.WARNING and not line.startswith(_PROGRAM):
            line = _PROGRAM + line
        print(line, file=sys.stderr, flush=True)


def hide_warnings_for_programmers() -> None:
    """Hide Python's warnings, which packages give to programmers, unless `-W` asks for them.

    What a user is to know is logged or raised.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Show what is logged at INFO and above on standard error, for as long as the block lasts."""
    handler = _StderrHandler(logging.INFO)
    loggers = [logging.getLogger(name) for name in PACKAGES]
    before = [(each.level, each.propagate) for each in loggers]
    for each in loggers:
        each.addHandler(handler)
        each.setLevel(logging.INFO)
        each.propagate = False
    try:
        yield
    finally:
        for each, (level, propagate) in zip(loggers, before, strict=True):
            each.removeHandler(handler)
            each.setLevel(level)
            each.propagate = propagate
