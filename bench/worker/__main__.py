"""`python -m bench.worker`: a worker on standard input and output."""

import os
import sys


def take_streams() -> tuple[int, int]:
    """Return descriptors of standard input and output, which nothing else can use from now on.

    What libraries print goes to standard error; what they read is empty.
    """
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return requests, replies


def main() -> int:
    """Serve one client; return when it has gone."""
    streams = take_streams()  # before anything is imported that may print
    from bench.worker.server import serve

    return serve(*streams)


if __name__ == "__main__":
    sys.exit(main())
