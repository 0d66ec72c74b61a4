"""Measuring of energy: what a device that has a sensor gives for each workload.

All values are plain numbers and texts, so that a device on another machine can send them.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bench.errors import InputError
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Workload
from bench.protocol.target import Target
from bench.reading import Count, NonNegative, Positive

LEAST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPlan:
    """How the energy of workloads is measured once; `seed` decides order, weights and inputs.

    Each workload runs for at least `least_s`, and up to ten times as long where the sensor is too
    slow for that. Before and after it the device idles for half of `least_s`.
    """

    least_s: float = LEAST_S
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.least_s < 3600:
            raise InputError(
                f"the time of measuring energy is {self.least_s} s, expected more than 0 and less "
                "than 1 h"
            )

    @property
    def most_s(self) -> float:
        """The longest that a workload runs, seconds."""
        return 10 * self.least_s

    @property
    def idle_s(self) -> float:
        """The shortest idle time before and after, seconds."""
        return self.least_s / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReading:
    """Energy of one workload in one replicate; None is unknown, never 0.

    Attributes:
        place: the workload's index.
        inferences: inferences in the window of measuring.
        window_s: length of the window.
        busy_s: time of the window in which inferences ran; the rest is for reading the sensor.
        joules: energy of the whole device in the window, idle power included.
        uncertainty_j: by how much the sensor's resolution may falsify `joules`.
        idle_before_w, idle_after_w: power of the idle device before and after.
        idle_uncertainty_w: by how much the sensor's resolution may falsify these.
        peak_memory_bytes: resident memory that the model and its inferences took at most.
    """

    place: Count
    inferences: Count
    window_s: NonNegative
    busy_s: NonNegative
    joules: Positive | None = None
    uncertainty_j: NonNegative | None = None
    idle_before_w: Positive | None = None
    idle_after_w: Positive | None = None
    idle_uncertainty_w: NonNegative | None = None
    peak_memory_bytes: Count | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySource:
    """Name of a device's energy sensor and what it covers; or "" and the reason for having none."""

    name: str = ""
    reason: str = ""


@runtime_checkable
class EnergyDevice(Protocol):
    """A device that may report energy; devices without these methods report none."""

    def energy_source(self) -> EnergySource:
        """Return the sensor that `measure_energy` reads."""
        ...

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        """Yield a reading for each workload as it ends, one model in memory at a time.

        Without a sensor it yields peak memory alone. Raises `DeviceError` if the sensor fails.
        """
        ...


def energy_source_of(device: Device) -> EnergySource:
    """Return the sensor of any device, or the reason for having none."""
    if isinstance(device, EnergyDevice):
        return device.energy_source()
    return EnergySource(
        reason=f"{device.address} does not report it: phones do not, and boards over SSH only with "
        "--remote-python"
    )
