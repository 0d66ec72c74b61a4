"""Loading a replicate's models onto the GPU, and errors if they do not fit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from bench.devices.cuda.driver import Driver, OutOfMemory
from bench.devices.cuda.event_timing import TimedModel
from bench.errors import DeviceError, FileError, UnrunnableError
from bench.protocol.device import Workload


def load_items(
    driver: Driver, work: Sequence[Workload], make: Callable[[Workload], TimedModel], seed: int
) -> list[TimedModel]:
    """Create the launches of every workload, in an order drawn by the seed.

    Raises `UnrunnableError` for a workload that does not fit even alone, or whose file the runtime
    refuses; `DeviceError` if each fits, and all together do not.
    """
    items: dict[int, TimedModel] = {}
    for place in np.random.default_rng([seed, 1]).permutation(len(work)).tolist():
        try:
            items[place] = make(work[place])
        except FileError as error:
            raise UnrunnableError(str(error), place=place) from error
        except OutOfMemory as error:
            count = len(items)
            items.clear()
            driver.free()
            with full_means(driver, UnrunnableError("out of memory", place=place)):
                make(work[place])
            raise DeviceError(
                f"the GPU's memory is full after {count} of {len(work)} models, though each "
                "fits by itself: does another program use it? free it, then use --resume"
            ) from error
    return [items[place] for place in range(len(work))]


@contextmanager
def full_means(driver: Driver, refusal: DeviceError) -> Iterator[None]:
    """Raise `refusal` if the GPU has no room for the work in the block."""
    try:
        yield
    except OutOfMemory as error:
        driver.free()
        raise refusal from error
