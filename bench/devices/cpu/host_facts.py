"""Facts of this machine; None if unknown."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.devices.remote.facts import processor
from bench.devices.remote.facts.processor import features, parse_cpu_info, processor_slug
from bench.devices.remote.facts.temperatures import celsius, hottest_c
from bench.integers import parse_integer
from bench.protocol.device import Facts

ROOT = Path("/")
LIBRARIES = (
    "ofabench",
    "numpy",
    "torch",
    "onnxruntime",
    "ai-edge-litert",
    "tflite-runtime",
)


def host_facts(root: Path = ROOT) -> dict[str, str | int | float | bool | None]:
    """Return every fact of the machine, read under `root` (another folder in tests)."""
    import psutil

    cpu = root / "sys/devices/system/cpu"
    info = cpu_info(root)
    memory = psutil.virtual_memory()
    return {
        "cpu_model": cpu_model(root),
        "cpu_microcode": info.get("microcode"),
        "cpu_cores": os.cpu_count(),
        "cpu_cores_allowed": _cores(allowed_cores()),
        "cpu_physical_cores": psutil.cpu_count(logical=False),
        "cpu_features": features(info.get("flags") or info.get("Features") or ""),
        **_cache_facts(cpu / "cpu0/cache"),
        "governor": _read(cpu / "cpu0/cpufreq/scaling_governor"),
        "frequency_driver": _read(cpu / "cpu0/cpufreq/scaling_driver"),
        "frequency_min_khz": _read_int(cpu / "cpu0/cpufreq/scaling_min_freq"),
        "frequency_max_khz": _read_int(cpu / "cpu0/cpufreq/scaling_max_freq"),
        "turbo_off": _read(cpu / "intel_pstate/no_turbo"),
        "smt": _read(cpu / "smt/control"),
        "transparent_hugepages": _chosen(root / "sys/kernel/mm/transparent_hugepage/enabled"),
        "virtual_machine": virtual_machine(root),
        "memory_total_bytes": int(memory.total),
        "kernel": platform.release(),
        "os": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{f"{name}_version": _library(name) for name in LIBRARIES},
        **changing_facts(root),
    }


def changing_facts(root: Path = ROOT) -> dict[str, str | int | float | bool | None]:
    """Return the facts that change from round to round; cheap enough to read between rounds."""
    import psutil

    cpufreq = root / "sys/devices/system/cpu/cpu0/cpufreq"
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "frequency_now_khz": _read_int(cpufreq / "scaling_cur_freq"),
        "temperature_c": _temperature(root),
        "memory_available_bytes": int(psutil.virtual_memory().available),
    }


def slug(root: Path = ROOT) -> str:
    """Return the processor's name as a slug: `intel-xeon-processor`."""
    return processor_slug(cpu_model(root) or platform.machine() or None)


def host_slug() -> str:
    """Return a name of this machine, from its host name: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", platform.node().lower()).strip("-") or "host"


def cpu_model(root: Path = ROOT) -> str | None:
    """Return the processor's full name, or None."""
    device_tree = _read(root / "sys/firmware/devicetree/base/model")
    return processor.cpu_model(_cpu_info(root), device_tree) or platform.processor() or None


def cpu_info(root: Path = ROOT) -> dict[str, str]:
    """Return the first processor's entries of /proc/cpuinfo."""
    return parse_cpu_info(_cpu_info(root))


def virtual_machine(root: Path = ROOT) -> bool | None:
    """Return whether this is a virtual machine; None if unknown."""
    flags = cpu_info(root).get("flags")
    if flags is not None:
        return "hypervisor" in flags.split()
    return None


def allowed_cores() -> list[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _cache_facts(folder: Path) -> Facts:
    sizes: dict[str, str | None] = {"cache_l1d": None, "cache_l2": None, "cache_l3": None}
    for index in sorted(folder.glob("index*")):
        level, kind = _read(index / "level"), _read(index / "type")
        name = f"cache_l{level}" + ("d" if level == "1" else "")
        if kind != "Instruction" and name in sizes:
            sizes[name] = _read(index / "size")
    return sizes


def _temperature(root: Path) -> float | None:
    """Return the hottest sensor of the processor, else of the board: others may never change."""
    by_sensor: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        name, value = _read(zone / "type") or zone.name, celsius(_read_int(zone / "temp"))
        if value is not None:
            by_sensor[name] = max(value, by_sensor.get(name, value))
    return hottest_c(by_sensor)


def _cpu_info(root: Path) -> str:
    return _read(root / "proc/cpuinfo") or ""


def _cores(cores: Iterable[int]) -> str:
    return ",".join(map(str, cores))


def _library(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _chosen(path: Path) -> str | None:
    match = re.search(r"\[(\w+)\]", _read(path) or "")
    return match.group(1) if match else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip("\x00\n ") or None
    except OSError:
        return None


def _read_int(path: Path) -> int | None:
    return parse_integer(_read(path))
