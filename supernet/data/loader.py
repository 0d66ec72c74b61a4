"""Images decoded ahead of use in threads, returned in the order of the requests.

Pillow lets go of the interpreter's lock while it decodes and resizes, so threads keep all cores
busy, and cost no copying between processes (`experiments/loading_speed.py`).
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
    """One a core, and no more than 8: then Python's own work between images is the limit."""
    return min(8, os.cpu_count() or 1)


def in_order(
    work: Callable[[_Job], _Done],
    groups: Iterable[Sequence[_Job]],
    *,
    workers: int,
    ahead: int = AHEAD,
) -> Generator[list[_Done], None, None]:
    """Do `work` on the jobs of each group; give each group's results, groups and jobs in order.

    Up to `ahead` groups are worked on before they are asked for. Closing the iterator leaves what
    is not begun undone, and waits for the rest.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="images")
    try:
        begun: deque[list[Future[_Done]]] = deque()
        for group in groups:
            begun.append([pool.submit(work, job) for job in group])
            if len(begun) > ahead:
                yield [future.result() for future in begun.popleft()]
        while begun:
            yield [future.result() for future in begun.popleft()]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
