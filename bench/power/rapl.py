"""RAPL: energy counters of CPU packages and memory in Linux's powercap tree, Intel and AMD."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DeviceError
from bench.power.sensor import Clock, CounterSensor, whole_number

ZONES = Path("sys/class/powercap")
# A package draws less than this. A reading is refused if the counter may have wrapped around more
# than once since the last one.
MOST_W = 500.0
PERMISSION = (
    "only root may read RAPL since 2020 (it reveals what other processes compute): run "
    "`sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj` (and `...:*:*/energy_uj` for "
    "memory), which lasts until the machine restarts"
)


@dataclass(slots=True, kw_only=True)
class RaplZone:
    """Counter of one zone in microjoules, which wraps to 0 after `range_uj`."""

    name: str
    file: Path
    range_uj: int
    last_uj: int
    last_s: float
    total_uj: int = 0

    def advance(self, now_s: float) -> None:
        """Read it; `OSError` or `ValueError` if that fails or if it may have wrapped unseen."""
        uj = whole_number(self.file)
        if not 0 <= uj <= self.range_uj:
            raise ValueError(f"{self.file} is {uj}, expected 0 to {self.range_uj}")
        if (now_s - self.last_s) * MOST_W * 1e6 >= self.range_uj:
            raise ValueError(f"{self.file} may have wrapped around between two readings")
        # Counts from 0 to the range, both included.
        self.total_uj += (uj - self.last_uj) % (self.range_uj + 1)
        self.last_uj, self.last_s = uj, now_s


def find_zones(root: Path, clock: Clock) -> list[RaplZone]:
    """Return the zones of packages and their memory, read once; none where there is no RAPL.

    They cover all that runs on the machine. Zones within a package are parts of it, and `psys`
    includes all packages: neither is counted again. Raises `DeviceError`, with what to do, where
    zones exist and cannot be read.
    """
    zones: list[RaplZone] = []
    for folder in sorted((root / ZONES).glob("intel-rapl:*")):
        try:
            name = (folder / "name").read_text().strip()
            if not (name.startswith("package") or name == "dram"):
                continue
            zones.append(_zone(folder, name, clock))
        except PermissionError as error:
            raise DeviceError(f"{folder}/energy_uj may not be read: {PERMISSION}") from error
        except (OSError, ValueError) as error:
            raise DeviceError(f"{folder} gives no energy: {error}") from error
    return zones


def _zone(folder: Path, name: str, clock: Clock) -> RaplZone:
    uj, range_uj = (whole_number(folder / file) for file in ("energy_uj", "max_energy_range_uj"))
    if range_uj < 1:
        raise ValueError(f"max_energy_range_uj is {range_uj}, expected a number above 0")
    return RaplZone(
        name=name, file=folder / "energy_uj", range_uj=range_uj, last_uj=uj, last_s=clock()
    )


def rapl_sensor(root: Path, clock: Clock) -> CounterSensor | None:
    """Return the sensor of packages and memory; None where there is none, else see `find_zones`."""
    zones = find_zones(root, clock)
    return CounterSensor(f"rapl ({_names(zones)})", zones, clock) if zones else None


def _names(zones: Sequence[RaplZone]) -> str:
    return ", ".join(zone.name for zone in zones)
