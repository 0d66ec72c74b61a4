"""Identity and state of a GPU: name, clocks, throttling, processes that use it."""

import re
from dataclasses import asdict, dataclass
from typing import Protocol

from bench.protocol.device import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card is; None where card or driver do not tell."""

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
        """Name as in `Target.device`: nvidia-h100-80gb-hbm3."""
        found = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return found if found.startswith("nvidia") else f"nvidia-{found}"

    def facts(self) -> Facts:
        """For a table's provenance."""
        return {f"gpu_{name}": value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMoment:
    """How a card does at a moment; `reasons` are bits, see `bench.devices.cuda.reasons`."""

    clock_sm_mhz: int | None = None
    clock_memory_mhz: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    reasons: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProcess:
    """A process that uses a card."""

    pid: int
    used_bytes: int | None


class GpuState(Protocol):
    """One card. Everything is read, nothing is ever set.

    Any question raises `DeviceError` where the card is gone.
    """

    def facts(self) -> CardFacts:
        """What it is."""
        ...

    def moment(self) -> CardMoment:
        """How it does now; cheap enough to be asked at each visit."""
        ...

    def processes(self) -> list[CardProcess]:
        """Who uses it, this process included where the driver can tell."""
        ...

    def busy_share(self) -> float | None:
        """Share of the last second or so in which it worked."""
        ...
