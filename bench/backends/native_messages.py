"""Messages that native code of a runtime writes to standard error although nothing is wrong."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def without_lines(words: str) -> Iterator[None]:
    """Drop lines with `words` from what is written to descriptor 2 within the block.

    All other lines follow when the block ends, also by an error. Keep the block to what cannot end
    the process: what was written until then would be lost.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        before = os.dup(_STDERR)
    except OSError:  # it is closed: nothing is shown in any case
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
