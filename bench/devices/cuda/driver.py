"""The interface to CUDA that timing needs: a stream, events, graphs.

All work is queued on one separate stream; only `wait` waits for the GPU.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

Mark = Any
"""A CUDA event: a place in the stream, whose time the GPU records when it reaches it."""


class OutOfMemory(Exception):  # noqa: N818
    """The GPU has no room for the requested memory; `free` returns what was allocated."""


class Driver(Protocol):
    """One GPU. Work runs in the order in which it is queued.

    Any method raises `DeviceError` if the GPU or its driver failed; after that nothing else works
    in this process. Methods that run models raise `OutOfMemory` too.
    """

    @property
    def place(self) -> str:
        """Torch's name of this GPU for tensors: "cuda:0"."""
        ...

    @property
    def stream(self) -> int:
        """The stream's handle, for runtimes that take one."""
        ...

    def at_work(self) -> AbstractContextManager[object]:
        """In the block, this thread's work goes to the GPU's stream."""
        ...

    def mark(self) -> Mark:
        """Queue an event."""
        ...

    def reached(self, mark: Mark) -> bool:
        """Return whether the GPU has reached an event."""
        ...

    def between_ns(self, first: Mark, last: Mark) -> float:
        """Return the time on the GPU between two events, both reached."""
        ...

    def wait(self) -> None:
        """Wait until the GPU has finished all queued work."""
        ...

    def hold(self, for_ns: float) -> None:
        """Queue a delay of about this length, during which the host queues what follows."""
        ...

    def flush(self) -> None:
        """Queue a write over more memory than the second-level cache holds."""
        ...

    def record(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        """Record a graph of `times` calls; return the function that queues it. Runs `call` here.

        The caller must keep alive what `call` reads.
        """
        ...

    def free(self) -> None:
        """Release memory that no model uses."""
        ...
