"""`EnergySensor`: what measures the energy that a device draws; counters, and sampled power."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.errors import DeviceError
from bench.integers import parse_integer

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorReading:
    """Energy up to one time.

    `joules` count from the sensor's first reading, `updates` the times that its value was seen to
    change. `watts` is the power at this time; None for counters of energy.
    """

    at_s: float
    joules: float
    updates: int
    watts: float | None = None


class EnergySensor(Protocol):
    """Measures the energy of everything behind it, which is more than one process."""

    @property
    def name(self) -> str:
        """Return what it is and what it covers, as `rapl (package-0, dram)`."""
        ...

    @property
    def period_s(self) -> float:
        """Return the time between two readings: shorter shows nothing new."""
        ...

    def read(self) -> SensorReading:
        """Read it now; `DeviceError` if it can no longer be read, or if a counter is unclear."""
        ...


class JouleCounter(Protocol):
    """A counter of energy."""

    @property
    def total_uj(self) -> int:
        """Return the microjoules counted up to the last reading, from its first."""
        ...

    def advance(self, now_s: float) -> None:
        """Read it; `OSError` or `ValueError` if that fails or if the value is unclear."""
        ...


class CounterSensor:
    """Sum of energy counters, of which each covers another part of the device."""

    def __init__(
        self, name: str, counters: Sequence[JouleCounter], clock: Clock, *, period_s: float = 0.005
    ) -> None:
        self._name, self._counters, self._clock = name, counters, clock
        self._period_s, self._updates = period_s, 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def period_s(self) -> float:
        return self._period_s

    def read(self) -> SensorReading:
        """See `EnergySensor`."""
        now_s, before_uj = self._clock(), self._total_uj()
        for counter in self._counters:
            try:
                counter.advance(now_s)
            except (OSError, ValueError) as error:
                raise unreadable(self._name, error) from error
        total_uj = self._total_uj()
        self._updates += total_uj != before_uj
        return SensorReading(at_s=now_s, joules=total_uj / 1e6, updates=self._updates)

    def _total_uj(self) -> int:
        return sum(counter.total_uj for counter in self._counters)


class SampledPower:
    """Sum of sensors of power, integrated over time by trapezoids between readings.

    Each of `channels` returns watts; it raises `OSError` or `ValueError` if it cannot be read.
    """

    def __init__(
        self,
        name: str,
        channels: Sequence[Callable[[], float]],
        clock: Clock,
        *,
        period_s: float = 0.05,
    ) -> None:
        self._name, self._channels, self._clock = name, channels, clock
        self._period_s = period_s
        self._last: SensorReading | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def period_s(self) -> float:
        return self._period_s

    def read(self) -> SensorReading:
        """See `EnergySensor`."""
        try:
            watts = sum(channel() for channel in self._channels)
        except (OSError, ValueError) as error:
            raise unreadable(self._name, error) from error
        now_s, last = self._clock(), self._last
        if last is None:
            self._last = SensorReading(at_s=now_s, joules=0.0, updates=0, watts=watts)
            return self._last
        assert last.watts is not None
        self._last = SensorReading(
            at_s=now_s,
            joules=last.joules + (last.watts + watts) / 2 * (now_s - last.at_s),
            updates=last.updates + (watts != last.watts),
            watts=watts,
        )
        return self._last


def whole_number(file: Path) -> int:
    """Return the number in a file; `OSError` or `ValueError` where there is none."""
    text = file.read_text(errors="replace")
    value = parse_integer(text)
    if value is None:
        raise ValueError(f"{file} is {text.strip()!r:.40}, expected a whole number")
    return value


def unreadable(name: str, error: Exception) -> DeviceError:
    """Return the error of a sensor that fails while it is in use."""
    return DeviceError(
        f"the energy sensor {name} can no longer be read: {error}; continue with --resume, or "
        "leave --energy out"
    )
