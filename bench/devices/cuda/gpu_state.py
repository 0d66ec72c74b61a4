"""Identity and state of a GPU: name, clocks, throttling, processes that use it."""

import re
from dataclasses import asdict, dataclass
from typing import Protocol

from bench.protocol.device import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFacts:
    """Properties of a GPU; None if GPU or driver do not report them."""

    name: str
    uuid: str | None
    compute_capability: str | None
    driver_version: str | None
    cuda_version: str | None  # the newest that the driver supports
    memory_total_bytes: int | None
    memory_free_bytes: int | None
    clock_sm_max_mhz: int | None
    clock_memory_max_mhz: int | None
    power_limit_w: float | None
    slowdown_c: int | None
    mig: bool | None
    persistence: bool | None
    ecc: bool | None
    pcie_generation: int | None
    pcie_width: int | None

    def slug(self) -> str:
        """Return the name as in `Target.device`: nvidia-h100-80gb-hbm3."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return slug if slug.startswith("nvidia") else f"nvidia-{slug}"

    def facts(self) -> Facts:
        """Return the facts for a table's provenance."""
        return {f"gpu_{name}": value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """State of a GPU at one time; `reasons` are bits, see `bench.devices.cuda.clock_reasons`."""

    clock_sm_mhz: int | None = None
    clock_memory_mhz: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    reasons: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """A process that uses a GPU."""

    pid: int
    used_bytes: int | None


class GpuState(Protocol):
    """One GPU. Everything is read, nothing is ever set.

    Any method raises `DeviceError` if the GPU is gone.
    """

    def facts(self) -> GpuFacts:
        """Return its properties."""
        ...

    def moment(self) -> GpuReading:
        """Return its present state; cheap enough to be read at each burst."""
        ...

    def processes(self) -> list[GpuProcess]:
        """Return the processes that use it, including this one if the driver reports it."""
        ...

    def busy_share(self) -> float | None:
        """Return the share of about the last second in which it worked."""
        ...

    def energy_j(self) -> float | None:
        """Return the joules drawn since the driver was loaded; None if they are not counted."""
        ...
