"""Energy counters: RAPL for CPUs, NVML's total for NVIDIA GPUs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from bench.devices.cuda.nvml import NvmlGpu
from bench.errors import DeviceError, MissingRuntimeError
from bench.power.rapl import RaplZone, find_zones


class Counter(Protocol):
    """Counts the energy drawn since its creation."""

    @property
    def how(self) -> str: ...

    def look(self) -> None:
        """Read the counter; it must be read at least once per wrap-around."""
        ...

    def energy_j(self) -> float | None:
        """Return the joules between the first and the last reading; None if the counter failed."""
        ...


class RaplCounter:
    """CPU packages and their memory; see `bench.power.rapl`."""

    how = "rapl"

    def __init__(self, zones: Sequence[RaplZone], clock: Callable[[], float]) -> None:
        self._zones, self._clock = zones, clock
        self._failed = False

    @classmethod
    def find(cls, root: Path, clock: Callable[[], float]) -> "RaplCounter | None":
        """Return the counters of the machine at `root`; None if it has no readable ones."""
        try:
            zones = find_zones(root, clock)
        except DeviceError:  # on most systems only root may read it
            return None
        return cls(zones, clock) if zones else None

    def look(self) -> None:
        """See `Counter`."""
        now_s = self._clock()
        for zone in self._zones:
            try:
                zone.advance(now_s)
            except (OSError, ValueError):
                self._failed = True
                return

    def energy_j(self) -> float | None:
        """See `Counter`."""
        return None if self._failed else sum(zone.total_uj for zone in self._zones) / 1e6


class NvmlCounter:
    """Total energy of GPUs since their driver was loaded (Volta and later have it)."""

    how = "nvml"

    def __init__(self, gpus: Sequence[NvmlGpu], first_j: Sequence[float]) -> None:
        self._gpus, self._first_j = gpus, first_j
        self._last_j: list[float | None] = [*first_j]

    @classmethod
    def find(cls, gpus: Sequence[NvmlGpu]) -> "NvmlCounter | None":
        """Return the counters of `gpus`; None if one of them has none."""
        readings = [gpu.energy_j() for gpu in gpus]
        first_j = [joules for joules in readings if joules is not None]
        return cls(gpus, first_j) if gpus and len(first_j) == len(gpus) else None

    def look(self) -> None:
        """See `Counter`."""
        try:
            self._last_j = [gpu.energy_j() for gpu in self._gpus]
        except DeviceError:  # the GPU is gone: keep the run's result, without its energy
            self._last_j = [None for _ in self._gpus]

    def energy_j(self) -> float | None:
        """See `Counter`."""
        last_j = [joules for joules in self._last_j if joules is not None]
        if len(last_j) < len(self._gpus):
            return None
        return sum(last_j) - sum(self._first_j)


def cards_from(number: int, count: int) -> list[NvmlGpu]:
    """Return torch's GPUs from `number` on, at most `count`; none if they cannot be queried."""
    import torch

    from bench.devices.cuda.torch_driver import uuid_of

    try:
        return [
            NvmlGpu(uuid_of(index))
            for index in range(number, min(number + count, torch.cuda.device_count()))
        ]
    except (DeviceError, MissingRuntimeError):
        return []
