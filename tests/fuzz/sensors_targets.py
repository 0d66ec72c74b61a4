"""Fuzz target of the files of energy sensors, as the kernel shows them."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from bench.power.host import host_sensor, host_source
from tests.fuzz.target import FuzzTarget, scratch_folder

FOLDERS = (
    "sys/class/powercap/intel-rapl:0",
    "sys/class/hwmon/hwmon0",
    "sys/class/hwmon/hwmon1",
    "sys/bus/iio/devices/iio:device0",
)
NAMES = (
    "name", "energy_uj", "max_energy_range_uj", "update_interval", "power1_input", "power1_label",
    "in1_input", "in1_label", "curr1_input", "energy1_input", "energy1_label", "power2_average",
    "in_power0_input", "rail_name_0",
)  # fmt: skip
RAPL = b"0 0 package-0\n0 1 5000000\n0 2 262143328850\n"
INA = b"1 0 ina3221\n1 6 5000\n1 7 VDD_IN\n1 8 1400\n1 3 20\n"
JETSON = b"3 0 ina3221x\n3 12 2500\n3 13 POM_5V_IN\n"


def read_sensors(data: bytes) -> None:
    """Read all sensors of a tree; each line is the index of a folder, of a name, and the text."""
    root = scratch_folder() / "sensors"
    shutil.rmtree(root, ignore_errors=True)
    for line in data.split(b"\n")[:64]:
        folder, _, rest = line.partition(b" ")
        name, _, text = rest.partition(b" ")
        if folder.isdigit() and name.isdigit() and len(folder) < 6 and len(name) < 6:
            _write(root / FOLDERS[int(folder) % 4] / NAMES[int(name) % len(NAMES)], text)
    seconds = iter(range(100))
    sensor = host_sensor(root, lambda: float(next(seconds))).sensor
    assert host_source(root).reason or sensor is not None
    if sensor is not None:
        sensor.read()
        json.dumps(asdict(sensor.read()), allow_nan=False)


def _write(file: Path, text: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)


TARGETS = (
    FuzzTarget(
        name="energy_sensors",
        read=read_sensors,
        seeds=lambda: [RAPL, INA, JETSON, b"2 0 ina226\n2 4 3000000\n", b"1 0 amd_energy\n1 9 7\n"],
        # Numbers that no float holds, and texts that are none.
        regressions=lambda: [
            b"1 0 ina226\n1 4 " + b"9" * 400,
            RAPL + b"0 2 " + b"9" * 400,
            INA + b"1 3 " + "٣".encode(),
            b"1 0 ina226\n1 4 -5\n",
        ],
    ),
)
