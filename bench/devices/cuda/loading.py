"""Loading a replicate's models onto the GPU, and errors where they do not fit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from bench.devices.cuda.driver import Driver, OutOfMemory
from bench.devices.cuda.event_timing import Item
from bench.errors import DeviceError, UnrunnableError
from bench.protocol.device import Workload


def load_items(
    driver: Driver, work: Sequence[Workload], make: Callable[[Workload], Item], seed: int
) -> list[Item]:
    """Make every workload's calls, in an order of the seed's.

    `UnrunnableError` for one that has no room even by itself; `DeviceError` where each has, and
    all together have not.
    """
    made: dict[int, Item] = {}
    for place in np.random.default_rng([seed, 1]).permutation(len(work)).tolist():
        try:
            made[place] = make(work[place])
        except OutOfMemory as error:
            among = len(made)
            made.clear()
            driver.free()
            with full_means(driver, UnrunnableError("out of memory", place=place)):
                make(work[place])
            raise DeviceError(
                f"the GPU's memory is full after {among} of {len(work)} models, though each "
                "fits by itself: does another program use it? free it, then use --resume"
            ) from error
    return [made[place] for place in range(len(work))]


@contextmanager
def full_means(driver: Driver, refusal: DeviceError) -> Iterator[None]:
    """Raise `refusal` where the card has no room for what is done within."""
    try:
        yield
    except OutOfMemory as error:
        driver.free()
        raise refusal from error
