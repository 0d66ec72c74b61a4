"""Decode images ahead of use in threads, in the order of the requests.

Pillow releases the interpreter's lock while it decodes and resizes, so threads use all cores
without copying between processes (`experiments/loading_speed.py`).
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")

AHEAD = 2


def default_workers() -> int:
    """Return one per core, at most 8, above which Python's work between images is the limit."""
    return min(8, os.cpu_count() or 1)


def in_order(
    work: Callable[[_Job], _Done],
    groups: Iterable[Sequence[_Job]],
    *,
    workers: int,
    ahead: int = AHEAD,
) -> Generator[list[_Done], None, None]:
    """Run `work` on the jobs of each group; yield the results of each group in order.

    Up to `ahead` groups are processed before they are requested. Closing the iterator cancels jobs
    that have not started, and waits for the others.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="images")
    try:
        pending: deque[list[Future[_Done]]] = deque()
        for group in groups:
            pending.append([pool.submit(work, job) for job in group])
            if len(pending) > ahead:
                yield [future.result() for future in pending.popleft()]
        while pending:
            yield [future.result() for future in pending.popleft()]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
