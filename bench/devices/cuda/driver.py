"""The interface to CUDA that timing needs: a stream, events, graphs.

All is queued on one stream of our own; nothing waits for the card but `wait`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

Mark = Any
"""A place in the stream, whose time the card notes when it gets there."""


class OutOfMemory(Exception):  # noqa: N818
    """The card has no room for what was asked; what it holds of it is given back by `free`."""


class Driver(Protocol):
    """One card. What it queues, it queues in order.

    Any method raises `DeviceError` where the card or its driver failed; after that nothing else
    works in this process. Those that run models raise `OutOfMemory` too.
    """

    @property
    def place(self) -> str:
        """Where torch puts tensors for this card: "cuda:0"."""
        ...

    @property
    def stream(self) -> int:
        """The stream's handle, for runtimes that take one."""
        ...

    def at_work(self) -> AbstractContextManager[object]:
        """Within, this thread's work goes to the card's stream."""
        ...

    def mark(self) -> Mark:
        """Queue a mark."""
        ...

    def reached(self, mark: Mark) -> bool:
        """Whether the card has come to a mark."""
        ...

    def between_ns(self, first: Mark, last: Mark) -> float:
        """Time on the card from one mark to another, both reached."""
        ...

    def wait(self) -> None:
        """Wait until the card has done all that is queued."""
        ...

    def hold(self, for_ns: float) -> None:
        """Queue an empty stretch of about so long, in which the host queues what follows."""
        ...

    def flush(self) -> None:
        """Queue a write over more memory than the second-level cache holds."""
        ...

    def record(self, call: Callable[[], object], times: int) -> Callable[[], object]:
        """Record a graph of `times` calls; return what queues it. The calls are made once here.

        Whoever queues it keeps what `call` reads.
        """
        ...

    def free(self) -> None:
        """Give back memory that no model uses."""
        ...
