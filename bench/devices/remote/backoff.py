"""Reconnecting to a device that went away: retried with growing pauses until a limit."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from bench.devices.remote.connection import UnauthorizedError
from bench.errors import DeviceError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0

T = TypeVar("T")


def until_back(
    connect: Callable[[], T],
    name: str,
    limit_s: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock_s: Callable[[], float] = time.monotonic,
) -> T:
    """Return what `connect` returns, retried until the device called `name` is back.

    Pauses grow from 0.2 to 5 s. Raises `DeviceError` after `limit_s`, and at once if the device
    does not let this machine in.
    """
    # Devices of a fleet do not all retry at the same time.
    rng = random.Random(name)
    deadline_s = clock_s() + limit_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return connect()
        except UnauthorizedError:
            raise
        except DeviceError as error:
            if clock_s() + pause_s > deadline_s:
                raise DeviceError(
                    f"{name} did not come back within {limit_s:g} s: {error}"
                ) from error
        sleep(pause_s * rng.uniform(0.8, 1.2))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
