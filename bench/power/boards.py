"""Power and energy sensors of boards and servers in Linux's hwmon and iio trees.

hwmon: `energyN_input` in microjoules, `powerN_input` or `powerN_average` in microwatts, or the
voltage `inN_input` in mV and the current `currN_input` in mA of one rail, as INA3221 has them.
iio: `in_powerN_input` in mW with `rail_name_N`, as older Jetsons have them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import DeviceError
from bench.integers import parse_integer
from bench.power.sensor import (
    Clock,
    CounterSensor,
    EnergySensor,
    SampledPower,
    whole_number,
)

HWMON, IIO = Path("sys/class/hwmon"), Path("sys/bus/iio/devices")
# Drivers whose sensors measure the supply of a board, a server or its processors, the best first.
# Others (of batteries, chargers, disks) measure something else than what an inference draws.
_DRIVERS = tuple(
    re.compile(driver)
    for driver in ("amd_energy", r"ina\d+\w*|ltc294[57]", "power_meter", "fam15h_power")
)
_NUMBERED = re.compile(r"(energy|power|in|curr)(\d+)_(?:input|average)")
# The supply of a whole Jetson; its other rails are parts of it.
_WHOLE = ("VDD_IN", "POM_5V_IN")
_UNUSED = re.compile(r"NC|sum of shunt voltages|Ecore\d+", re.IGNORECASE)
LEAST_PERIOD_S, PERIOD_S, MOST_PERIOD_S = 0.01, 0.05, 1.0


@dataclass(slots=True, kw_only=True)
class _Rail:
    """One rail: its label, and the files of its figures that exist, by kind."""

    label: str
    files: dict[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class _FileCounter:
    """A counter of microjoules of 64 bits, which does not wrap around."""

    file: Path
    last_uj: int
    total_uj: int = 0

    def advance(self, now_s: float) -> None:
        """Read it; `ValueError` if it went backwards, as after a restart of its driver."""
        del now_s
        uj = whole_number(self.file)
        if uj < self.last_uj:
            raise ValueError(f"{self.file} went back from {self.last_uj} to {uj}")
        self.total_uj += uj - self.last_uj
        self.last_uj = uj


def board_sensor(root: Path, clock: Clock) -> EnergySensor | None:
    """Return the sensor of the machine's supply; None where there is none.

    The rails of all chips of one kind are summed, or the rail of the whole board is used alone.
    Raises `DeviceError` if a sensor exists and cannot be read.
    """
    folders = [*_folders(root / HWMON, "hwmon*"), *_folders(root / IIO, "iio:device*")]
    for driver in _DRIVERS:
        chips = [folder for folder in folders if driver.fullmatch(_text(folder / "name") or "")]
        try:
            sensor = _sensor(chips, clock)
        except (OSError, ValueError) as error:
            raise DeviceError(f"the energy sensor {chips[0]} cannot be read: {error}") from error
        if sensor is not None:
            return sensor
    return None


def _folders(parent: Path, pattern: str) -> list[Path]:
    return sorted(parent.glob(pattern), key=lambda folder: (len(folder.name), folder.name))


def _sensor(chips: Sequence[Path], clock: Clock) -> EnergySensor | None:
    rails = [rail for chip in chips for rail in (*_rails(chip), *_iio_rails(chip))]
    if not rails:
        return None
    whole = [rail for rail in rails if rail.label in _WHOLE]
    rails = whole[:1] or rails
    name = f"{_text(chips[0] / 'name')} ({', '.join(rail.label for rail in rails)})"
    counted = [rail.files["energy"] for rail in rails if "energy" in rail.files]
    if len(counted) == len(rails):
        counters = [_FileCounter(file, whole_number(file)) for file in counted]
        return CounterSensor(name, counters, clock)
    channels = [channel for rail in rails if (channel := _channel(rail)) is not None]
    if len(channels) < len(rails):
        return None
    for channel in channels:
        channel()  # raises here, rather than in the middle of a measurement
    period_s = max(_period_s(chip) for chip in chips)
    return SampledPower(name, channels, clock, period_s=period_s)


def _rails(folder: Path) -> list[_Rail]:
    """Return the rails of an hwmon folder that have energy, power, or voltage and current."""
    by_number: dict[int, _Rail] = {}
    for file in sorted(folder.iterdir()):
        match = _NUMBERED.fullmatch(file.name)
        if match is None:
            continue
        kind, number = match[1], int(match[2])
        label = _text(folder / f"{kind}{number}_label")
        rail = by_number.setdefault(number, _Rail(label=""))
        rail.label = rail.label or label or ""
        rail.files.setdefault(kind, file)
    for number, rail in by_number.items():
        rail.label = rail.label or f"rail {number}"
    return [
        rail
        for _, rail in sorted(by_number.items())
        if not _UNUSED.fullmatch(rail.label)
        and ("energy" in rail.files or "power" in rail.files or _is_pair(rail))
    ]


def _iio_rails(folder: Path) -> list[_Rail]:
    """Return the rails of an iio folder of an older Jetson."""
    rails = []
    for file in sorted(folder.glob("in_power[0-9]_input")):
        number = file.name.removeprefix("in_power")[0]
        label = _text(folder / f"rail_name_{number}") or f"rail {number}"
        if not _UNUSED.fullmatch(label):
            rails.append(_Rail(label=label, files={"power_mw": file}))
    return rails


def _is_pair(rail: _Rail) -> bool:
    return {"in", "curr"} <= set(rail.files)


def _channel(rail: _Rail) -> Callable[[], float] | None:
    """Return a function that reads the rail's watts; None if it has a counter of energy alone."""
    files = rail.files
    if "power" in files:
        return lambda: whole_number(files["power"]) / 1e6
    if "power_mw" in files:
        return lambda: whole_number(files["power_mw"]) / 1e3
    if _is_pair(rail):
        return lambda: whole_number(files["in"]) * whole_number(files["curr"]) / 1e6
    return None


def _period_s(folder: Path) -> float:
    """Return the time between updates that the driver states, else a usual one."""
    stated_ms = parse_integer(_text(folder / "update_interval"), minimum=1)
    if stated_ms is None:
        return PERIOD_S
    return min(max(LEAST_PERIOD_S, stated_ms / 1e3), MOST_PERIOD_S)


def _text(file: Path) -> str | None:
    """Return a file's text without spaces at its ends; None where there is none."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return None
