"""Energy counters: RAPL for CPUs, NVML's total for NVIDIA GPUs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.devices.cuda.nvml import NvmlCard
from bench.errors import DeviceError, MissingRuntimeError

ZONES = Path("sys/class/powercap")
# A package draws less than this. A counter that could have gone round unseen is not believed.
MOST_W = 500.0


class Counter(Protocol):
    """Energy drawn since the counter was begun with."""

    @property
    def how(self) -> str: ...

    def look(self) -> None:
        """Read the counter, as must be done before it has gone round once."""
        ...

    def energy_j(self) -> float | None:
        """Joules between the first look and the last; None where the counter failed."""
        ...


@dataclass(slots=True)
class _Zone:
    """One of RAPL's zones: a counter in microjoules that goes back to 0 after `range_uj`."""

    file: Path
    range_uj: int
    last_uj: int
    last_s: float
    total_uj: int = 0


class RaplCounter:
    """CPU packages and their memory, through Linux's powercap tree (Intel's and AMD's alike).

    It counts all that runs on the machine, not this process alone. Zones within a package are
    parts of it, and `psys` holds all packages: neither is counted again.
    """

    how = "rapl"

    def __init__(self, zones: Sequence[_Zone], clock: Callable[[], float]) -> None:
        self._zones, self._clock = zones, clock
        self._failed = False

    @classmethod
    def find(cls, root: Path, clock: Callable[[], float]) -> "RaplCounter | None":
        """Counters of the machine at `root`; None where there are none, or none may be read."""
        zones = []
        for folder in sorted((root / ZONES).glob("intel-rapl:*")):
            try:
                name = (folder / "name").read_text().strip()
                if name.startswith("package") or name == "dram":
                    uj, range_uj = (
                        int((folder / file).read_text())
                        for file in ("energy_uj", "max_energy_range_uj")
                    )
                    zones.append(_Zone(folder / "energy_uj", range_uj, uj, clock()))
            except (OSError, ValueError):  # only root may read it, as most systems have it
                return None
        return cls(zones, clock) if zones else None

    def look(self) -> None:
        """See `Counter`."""
        now_s = self._clock()
        for zone in self._zones:
            try:
                uj = int(zone.file.read_text())
            except (OSError, ValueError):
                self._failed = True
                return
            # Where it may have gone round more than once, what it says is not known.
            self._failed |= (now_s - zone.last_s) * MOST_W * 1e6 >= zone.range_uj
            # Counted from 0 to the range, both included.
            zone.total_uj += (uj - zone.last_uj) % (zone.range_uj + 1)
            zone.last_uj, zone.last_s = uj, now_s

    def energy_j(self) -> float | None:
        """See `Counter`."""
        return None if self._failed else sum(zone.total_uj for zone in self._zones) / 1e6


class NvmlCounter:
    """Cards' own totals since their driver was loaded (Volta and later have them)."""

    how = "nvml"

    def __init__(self, cards: Sequence[NvmlCard], first_j: Sequence[float]) -> None:
        self._cards, self._first_j = cards, first_j
        self._last_j: list[float | None] = [*first_j]

    @classmethod
    def find(cls, cards: Sequence[NvmlCard]) -> "NvmlCounter | None":
        """Counters of `cards`; None where one of them has none."""
        told = [card.energy_j() for card in cards]
        first_j = [joules for joules in told if joules is not None]
        return cls(cards, first_j) if cards and len(first_j) == len(cards) else None

    def look(self) -> None:
        """See `Counter`."""
        try:
            self._last_j = [card.energy_j() for card in self._cards]
        except DeviceError:  # gone: a run's result is worth more than its energy
            self._last_j = [None for _ in self._cards]

    def energy_j(self) -> float | None:
        """See `Counter`."""
        last_j = [joules for joules in self._last_j if joules is not None]
        if len(last_j) < len(self._cards):
            return None
        return sum(last_j) - sum(self._first_j)


def cards_from(number: int, count: int) -> list[NvmlCard]:
    """Torch's cards `number` and after, `count` at most; none where they cannot be asked."""
    import torch

    from bench.devices.cuda.torch_driver import uuid_of

    try:
        return [
            NvmlCard(uuid_of(one))
            for one in range(number, min(number + count, torch.cuda.device_count()))
        ]
    except (DeviceError, MissingRuntimeError):
        return []
