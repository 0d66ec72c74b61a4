"""Messages that native code of a runtime writes to standard error although nothing is wrong."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def without_lines(words: str) -> Iterator[None]:
    """Drop lines that contain `words` from standard error (descriptor 2) in the block.

    All other lines follow when the block ends, also by an error. The block must not end the
    process: output until then would be lost.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        before = os.dup(_STDERR)
    except OSError:  # standard error is closed: nothing is shown anyway
        yield
        return
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
            written.seek(0)
            rest = b"".join(line for line in written if words.encode() not in line)
            if rest:
                os.write(_STDERR, rest)
