"""Log messages of the packages, shown by the command line; the library prints nothing."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_PROGRAM = "ofabench: "
PACKAGES = ("bench", "latency_models", "supernet", "ofabench")


class _StderrHandler(logging.Handler):
    """Handler that writes each message as a line on the current standard error.

    Warnings begin with the program's name, as errors do.
    """

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.WARNING and not line.startswith(_PROGRAM):
            line = _PROGRAM + line
        print(line, file=sys.stderr, flush=True)


def hide_developer_warnings() -> None:
    """Hide Python's warnings for developers, unless `-W` is given.

    Messages for users are logged or raised.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Show log messages from INFO on standard error, for the block."""
    handler = _StderrHandler(logging.INFO)
    loggers = [logging.getLogger(name) for name in PACKAGES]
    settings = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, settings, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
