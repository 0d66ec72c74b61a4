"""Windows of measuring: a device at work or idle, until its sensor has shown enough."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from bench.power.sensor import EnergySensor, SensorReading

# A window ends when the sensor's resolution falsifies its energy by at most this share.
TOLERANCE = 0.02
LEAST_READINGS = 5  # of sampled power


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Energy of one window; `joules` None if the sensor stood still or showed no power.

    `update_s` is the time between two values of a counter as seen here; None for sampled power.
    """

    seconds: float
    joules: float | None
    uncertainty_j: float | None
    update_s: float | None = None

    @property
    def watts(self) -> float | None:
        """Mean power."""
        return None if self.joules is None else self.joules / self.seconds

    @property
    def uncertainty_w(self) -> float | None:
        """By how much resolution may falsify the mean power."""
        return None if self.uncertainty_j is None else self.uncertainty_j / self.seconds


def measure_window(
    sensor: EnergySensor,
    spend: Callable[[float], None],
    *,
    least_s: float,
    most_s: float,
    update_s: float | None = None,
) -> Window:
    """Read the sensor around `spend(seconds)`, which works or idles for about that long.

    The window lasts `least_s`, and longer, up to `most_s`, until its energy is known within
    `TOLERANCE`. `update_s` is the counter's known time between two values, which inferences longer
    than that would hide.
    """
    readings = [sensor.read()]
    while True:
        spend(sensor.period_s)
        readings.append(sensor.read())
        seconds = readings[-1].at_s - readings[0].at_s
        if seconds < least_s:
            continue
        window = _window(readings, update_s)
        if seconds >= most_s or _resolved(window):
            return window


def _resolved(window: Window) -> bool:
    if window.joules is None or window.uncertainty_j is None:
        return False
    return window.uncertainty_j <= TOLERANCE * window.joules


def _window(readings: list[SensorReading], update_s: float | None) -> Window:
    first, last = readings[0], readings[-1]
    seconds, joules = last.at_s - first.at_s, last.joules - first.joules
    if not joules > 0:  # it stood still, or shows no power: that is no measurement of 0
        return Window(seconds=seconds, joules=None, uncertainty_j=None)
    watts = [reading.watts for reading in readings if reading.watts is not None]
    if watts:
        error_w = _sampling_error(watts)
        return Window(seconds=seconds, joules=joules, uncertainty_j=min(joules, seconds * error_w))
    seen_s = seconds / (last.updates - first.updates)
    update_s = seen_s if update_s is None else min(seen_s, update_s)
    # The window may begin and end anywhere between two values of the counter.
    return Window(
        seconds=seconds,
        joules=joules,
        uncertainty_j=joules * min(1.0, update_s / seconds),
        update_s=update_s,
    )


def _sampling_error(watts: list[float]) -> float:
    """Return the standard error of a mean power, with half the smallest step between its values."""
    if len(watts) < LEAST_READINGS:
        return math.inf
    steps = [second - first for first, second in pairwise(sorted(set(watts)))]
    return math.hypot(statistics.stdev(watts) / math.sqrt(len(watts)), min(steps, default=0.0) / 2)
