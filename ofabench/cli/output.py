"""Standard output and error of the command line, which may be full, closed or unread.

A failure to print does not stop the command: files are still written, and the failure is reported
once, at the end.
"""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class GuardedStream:
    """Text stream whose writes never raise: after the first failure, the rest is dropped.

    `failure` is the first failure, None if there was none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | ValueError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text` if everything before it could be written."""
        if self.failure is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:  # ValueError: closed, or not encodable
                self.failure = error
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write every one of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write the buffered text."""
        if self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.failure = error

    def check(self) -> None:
        """Raise `OutputError` if something could not be written.

        A reader that closed a pipe early (`| head`) is not an error.
        """
        from bench.errors import OutputError  # imported here: another package may be named `bench`

        self.flush()
        if self.failure is not None and not isinstance(self.failure, BrokenPipeError):
            encoding = getattr(self._stream, "encoding", None) or "unknown"
            raise OutputError(_explain(self.failure, encoding))


def bold(text: str) -> str:
    """Return text in bold where standard output is a terminal, as it is elsewhere."""
    shown = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return f"\x1b[1m{text}\x1b[0m" if shown else text


@contextmanager
def guarded_output() -> Iterator[GuardedStream]:
    """Replace `sys.stdout` and `sys.stderr` by streams that never raise; yield the one of
    stdout.
    """
    _occupy_descriptors()
    originals = sys.stdout, sys.stderr
    out = GuardedStream(_opened(sys.stdout, _STDOUT))
    err = GuardedStream(_opened(sys.stderr, _STDERR))
    errors = getattr(out, "errors", None)
    if errors == "strict" and hasattr(out, "reconfigure"):
        # File names that are not valid text are printed as their bytes.
        out.reconfigure(errors="surrogateescape")
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = originals
        for stream, descriptor in ((out, _STDOUT), (err, _STDERR)):
            stream.flush()
            if stream.failure is not None:
                _discard(stream, descriptor)
        if errors == "strict" and hasattr(out, "reconfigure"):
            out.reconfigure(errors=errors)


def _occupy_descriptors() -> None:
    """Reserve the descriptors of closed standard streams.

    Otherwise a result file could get descriptor 1, and a library's message would be written to it.
    They are opened in the wrong direction, so that using them still fails.
    """
    for descriptor in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            flags = os.O_WRONLY if descriptor == _STDIN else os.O_RDONLY
            opened = os.open(os.devnull, flags)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)


def _opened(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return `stream`, or a new one if the descriptor was closed when Python started."""
    if stream is not None:
        return stream
    return open(descriptor, "w", encoding="utf-8", closefd=False)


def _discard(stream: GuardedStream, descriptor: int) -> None:
    """Drop the buffered text, so that Python's exit does not fail on it."""
    try:
        if stream.fileno() != descriptor:
            return
    except (OSError, ValueError):  # not a file (in tests), or closed
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _explain(failure: OSError | ValueError, encoding: str) -> str:
    """One line: why the result could not be printed, and what to do next."""
    start = "the result could not be printed: standard output"
    if isinstance(failure, UnicodeEncodeError):
        text = failure.object[failure.start : failure.end]
        return (
            f"{start} is {encoding}, which has no {text!a}; set PYTHONIOENCODING=utf-8, or "
            "use --json where the command has it"
        )
    if isinstance(failure, OSError):
        reason = failure.strerror or str(failure)
        if failure.errno in (errno.EBADF, None):
            return f"{start} is closed; redirect it to a file, or leave it open"
        return f"{start} cannot be written ({reason}); redirect it to another file"
    return f"{start} is closed; redirect it to a file, or leave it open"
