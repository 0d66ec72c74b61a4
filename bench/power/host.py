"""The energy sensor of this machine, or the reason why there is none."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DeviceError
from bench.power.boards import board_sensor
from bench.power.rapl import rapl_sensor
from bench.power.sensor import Clock, EnergySensor
from bench.protocol.energy import EnergySource

NONE_HERE = (
    "this machine reports no energy: no RAPL in /sys/class/powercap and no power sensor of a board "
    "in /sys/class/hwmon (virtual machines and containers usually have neither)"
)


@dataclass(frozen=True, slots=True)
class FoundSensor:
    """A sensor, or None and the reason."""

    sensor: EnergySensor | None
    reason: str = ""


def host_sensor(root: Path = Path("/"), clock: Clock = time.monotonic) -> FoundSensor:
    """Return the first of RAPL and the sensors of a board that can be read."""
    reasons = []
    for find in (rapl_sensor, board_sensor):
        try:
            sensor = find(root, clock)
        except DeviceError as error:
            reasons.append(str(error))
            continue
        if sensor is not None:
            return FoundSensor(sensor)
    return FoundSensor(None, "; ".join(reasons) or NONE_HERE)


def host_source(root: Path = Path("/")) -> EnergySource:
    """Return the name of this machine's sensor, or the reason why there is none."""
    found = host_sensor(root)
    return EnergySource(name="" if found.sensor is None else found.sensor.name, reason=found.reason)
