"""File tree of a test phone, without programs, and changes of its state.

Both test daemons run on such a tree: the pocket phone (pure Python) as it is, the real adbd with
a shell and a toybox added to system/bin. What Android's own commands would say comes from
phone_commands/: shell scripts that need nothing but a POSIX shell's own words, find the tree by
their own path, log their arguments in /phone/log, and keep their state in /phone.
"""

import os
import shutil
import uuid
from pathlib import Path
from typing import Literal

from tests.support.phone_dumps import (
    ARM_FEATURES,
    POWER_DUMP,
    battery_dump,
    processor,
    thermal_dump,
)
from tests.support.phone_models import MODELS, Model, Zone

ModelName = Literal["note8", "pixel2"]
COMMANDS = Path(__file__).with_name("phone_commands")
CPU = "sys/devices/system/cpu"
ZONES = "sys/class/thermal"
BOOT_ID = "proc/sys/kernel/random/boot_id"
FOLDERS = (
    *("data/local/tmp", "data/misc/adb", "dev/socket", "etc", "sdcard", "system/bin"),
    *("phone/dumps", "phone/settings/global", "phone/settings/secure", "phone/settings/system"),
)


def make_root(
    folder: Path, model: ModelName, *, abi: str = "arm64-v8a", emulated: str = "qemu-aarch64"
) -> None:
    """Make the tree of a phone in `folder`, which may hold other files already.

    `abi` is that of the programs it runs; `emulated` says in ro.ofabench.emulated what runs them,
    so that no time of theirs is ever taken for a phone's.
    """
    phone = MODELS[model]
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    if not (folder / "bin").is_symlink():
        (folder / "bin").symlink_to("system/bin")
    for command in sorted(COMMANDS.iterdir()):
        if command.name != "su":
            _add_command(folder, command.name)
    properties = {
        **phone.properties,
        "ro.product.cpu.abi": abi,
        "ro.product.cpu.abilist": abi,
        "ro.ofabench.emulated": emulated,
        "ro.serialno": uuid.uuid4().hex[:12],
    }
    lines = [f"{name}={value}" for name, value in sorted(properties.items())]
    _write(folder / "system/build.prop", "\n".join(lines))
    _write_cpus(folder, phone)
    _write_zones(folder, phone)
    _write_proc(folder, phone)
    _write_state(folder, phone)


def set_temperature(folder: Path, celsius: float) -> None:
    """Set the processor's sensors to `celsius`, each in its own unit."""
    phone = _model_of(folder)
    for number, zone in enumerate(phone.zones):
        if zone.of_cpu:
            _write_zone(folder, number, zone, celsius)
    if phone.thermal_service:
        _write(folder / "phone/dumps/thermalservice", thermal_dump(phone, cpu_c=celsius))


def add_zone(folder: Path, name: str, reading: int) -> None:
    """Add a thermal zone whose file contains `reading`."""
    number = len(list((folder / ZONES).iterdir()))
    _write(folder / ZONES / f"thermal_zone{number}/type", name)
    _write(folder / ZONES / f"thermal_zone{number}/temp", reading)


def set_thermal_status(folder: Path, status: int) -> None:
    """Set Android's own verdict: 0 none, 1 light, 2 moderate, 3 severe and up to 6."""
    path = folder / "phone/dumps/thermalservice"
    before = path.read_text()
    was = next(line for line in before.splitlines() if line.startswith("Thermal Status:"))
    _write(path, before.replace(was, f"Thermal Status: {status}").rstrip("\n"))


def set_frequency(folder: Path, cpu: int, khz: int) -> None:
    """Set the frequency of a core."""
    _write(folder / CPU / f"cpu{cpu}/cpufreq/scaling_cur_freq", khz)


def set_frequency_limit(folder: Path, cpu: int, khz: int) -> None:
    """Limit a core to `khz`, as hot phones do; it runs at that frequency."""
    _write(folder / CPU / f"cpu{cpu}/cpufreq/scaling_max_freq", khz)
    set_frequency(folder, cpu, khz)


def set_battery(
    folder: Path, *, level: int = 87, tenths_c: int = 290, plugged: bool = True
) -> None:
    """Set charge in percent, temperature in tenths of a degree Celsius, and the cable."""
    _write(folder / "phone/dumps/battery", battery_dump(level, tenths_c, plugged))


def set_screen(folder: Path, *, on: bool) -> None:
    """Wake the phone or send it to sleep."""
    _write(folder / "phone/wakefulness", "Awake" if on else "Asleep")


def new_boot(folder: Path) -> None:
    """Change what a reboot changes: the boot id, and temporary settings."""
    _write(folder / BOOT_ID, uuid.uuid4())
    if (folder / "phone/fixed_performance").exists():
        _write(folder / "phone/fixed_performance", "false")


def give_root(folder: Path) -> None:
    """Make the phone rooted: add `su`."""
    _add_command(folder, "su")


def take_command(folder: Path, name: str) -> None:
    """Remove a command, as old phones lack sha256sum; that of the host is not used either."""
    path = folder / "system/bin" / name
    path.unlink(missing_ok=True)
    _write(path, f"#!/bin/sh\necho '/system/bin/sh: {name}: not found' >&2\nexit 127")
    path.chmod(0o755)


def received_commands(folder: Path) -> list[str]:
    """Return the commands received by settings, svc, cmd, input, su and reboot, in order."""
    path = folder / "phone/log"
    return path.read_text().splitlines() if path.exists() else []


def setting(folder: Path, name: str) -> str | None:
    """Read a setting by namespace and name, as `global/low_power`; None where it is not set."""
    path = folder / "phone/settings" / name
    return path.read_text().strip() if path.exists() else None


def _write(path: Path, value: object) -> None:
    """Write a file atomically, as a phone's commands read it while tests change it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(f"{value}\n")
    os.replace(part, path)


def _add_command(folder: Path, name: str) -> None:
    shutil.copy(COMMANDS / name, folder / "system/bin" / name)
    (folder / "system/bin" / name).chmod(0o755)


def _model_of(folder: Path) -> Model:
    return MODELS[(folder / "phone/model").read_text().strip()]


def _write_cpus(folder: Path, model: Model) -> None:
    cores = sum(len(cluster.cores) for cluster in model.clusters)
    for name in ("online", "possible", "present"):
        _write(folder / CPU / name, f"0-{cores - 1}")
    for cluster in model.clusters:
        for core in cluster.cores:
            freq = folder / CPU / f"cpu{core}/cpufreq"
            for name in ("cpuinfo_min_freq", "scaling_min_freq"):
                _write(freq / name, cluster.min_khz)
            for name in ("cpuinfo_max_freq", "scaling_max_freq", "scaling_cur_freq"):
                _write(freq / name, cluster.max_khz)
            _write(freq / "scaling_governor", model.governor)


def _write_zones(folder: Path, model: Model) -> None:
    for number, zone in enumerate(model.zones):
        _write(folder / ZONES / f"thermal_zone{number}/type", zone.name)
        _write_zone(folder, number, zone, zone.celsius)


def _write_zone(folder: Path, number: int, zone: Zone, celsius: float) -> None:
    _write(folder / ZONES / f"thermal_zone{number}/temp", round(celsius * zone.per_degree))


def _write_proc(folder: Path, model: Model) -> None:
    parts = [processor(core, c, ARM_FEATURES) for c in model.clusters for core in c.cores]
    hardware = f"Hardware\t: {model.hardware}" if model.hardware else ""
    _write(folder / "proc/cpuinfo", "".join(parts) + hardware)
    _write(
        folder / "proc/meminfo",
        f"MemTotal:        {model.memory_kb} kB\n"
        f"MemFree:         {model.memory_kb // 10} kB\n"
        f"MemAvailable:    {model.memory_kb // 2} kB",
    )
    _write(folder / "proc/loadavg", "0.42 0.35 0.30 1/2345 6789")
    new_boot(folder)


def _write_state(folder: Path, model: Model) -> None:
    _write(folder / "phone/model", next(name for name, m in MODELS.items() if m is model))
    _write(folder / "phone/dumps/power", POWER_DUMP)
    set_screen(folder, on=True)
    set_battery(folder)
    for name, value in model.settings.items():
        _write(folder / "phone/settings" / name, value)
    if model.thermal_service:
        _write(folder / "phone/dumps/thermalservice", thermal_dump(model))
    if model.fixed_performance:
        _write(folder / "phone/fixed_performance", "false")
