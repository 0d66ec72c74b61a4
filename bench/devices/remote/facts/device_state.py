"""Present state of a device: frequencies, temperatures, load, memory. None if it is unknown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.devices.remote.facts.core_files import CPU, parse_frequencies
from bench.devices.remote.facts.shell_queries import pairs
from bench.devices.remote.facts.temperatures import ZONES, Part, hottest_c
from bench.integers import parse_integer
from bench.protocol.device import Facts

MEMORY_BYTES = (1 << 24, 1 << 42)  # 16 MB to 4 TB: plausible for a device
_LOAD = re.compile(r"\d{1,4}\.\d{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """Frequencies by core, temperatures by sensor.

    `parts` are the locations of sensors that the device states; others follow from their names.
    """

    frequencies_khz: Mapping[int, int] = field(default_factory=dict)
    limits_khz: Mapping[int, int] = field(default_factory=dict)  # present upper limits of the cores
    temperatures_c: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    load_average: float | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None

    @property
    def temperature_c(self) -> float | None:
        """Temperature of the processor, or of what is nearest to it."""
        return hottest_c(self.temperatures_c, stated=self.parts)

    @property
    def reported_throttling(self) -> str:
        """What the system itself reports as throttling; "" for nothing."""
        return ""

    def state(self) -> Facts:
        """Return what is useful to interpret a figure later."""
        return {"frequency_limits_khz": joined(self.limits_khz)}

    def changes_to(self, after: "DeviceState") -> str:
        """Return which changes until `after` may have changed the device's speed, "" for none."""
        del after
        return ""

    def flat(self) -> Facts:
        """Return the facts of a device, with the names that this machine's facts have too."""
        return {
            "frequency_now_khz": max(self.frequencies_khz.values(), default=None),
            "frequencies_khz": joined(self.frequencies_khz),
            "temperature_c": self.temperature_c,
            "temperatures_c": joined(self.temperatures_c),
            "load_average": self.load_average,
            "memory_total_bytes": self.memory_total_bytes,
            "memory_available_bytes": self.memory_available_bytes,
            **self.state(),
        }


def joined(values: Mapping[int, int] | Mapping[str, int] | Mapping[str, float]) -> str | None:
    """Return many readings as one fact, `a=1,b=2.5`; None for none."""
    return ",".join(f"{name}={value}" for name, value in values.items()) or None


def state_queries() -> dict[str, str]:
    """Return the shell commands that every system answers, by name."""
    cpufreq, zones = f"{CPU}/cpu[0-9]*/cpufreq", f"{ZONES}/thermal_zone*"
    return {
        "cpufreq": f"first {cpufreq}/scaling_cur_freq {cpufreq}/scaling_max_freq",
        "zones": f"first {zones}/type {zones}/temp",
        "load": "cat /proc/loadavg",
        "memory": "cat /proc/meminfo",
    }


def parse_frequencies_and_limits(
    answers: Mapping[str, str],
) -> tuple[dict[int, int], dict[int, int]]:
    """Return the present frequencies and their upper limits in kHz, by core."""
    answer = answers.get("cpufreq", "")
    return (
        parse_frequencies(answer, "scaling_cur_freq"),
        parse_frequencies(answer, "scaling_max_freq"),
    )


def parse_load_average(text: str) -> float | None:
    """Parse /proc/loadavg; None if it is invalid."""
    parts = text.split()
    return float(parts[0]) if parts and _LOAD.fullmatch(parts[0]) else None


def parse_memory_bytes(text: str) -> tuple[int | None, int | None]:
    """Parse /proc/meminfo: total and available bytes, each None if it is invalid."""
    memory = pairs(text)
    total = _memory_bytes(memory.get("MemTotal"), MEMORY_BYTES[1], minimum=MEMORY_BYTES[0])
    return total, _memory_bytes(memory.get("MemAvailable") or memory.get("MemFree"), total)


def _memory_bytes(text: str | None, maximum: int | None, minimum: int = 0) -> int | None:
    """Parse a line of /proc/meminfo, in kB; None if it is invalid."""
    kilobytes = parse_integer((text or "").removesuffix("kB").strip())
    if kilobytes is None or maximum is None or not minimum <= 1024 * kilobytes <= maximum:
        return None
    return 1024 * kilobytes
