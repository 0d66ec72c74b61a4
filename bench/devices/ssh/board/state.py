"""Present state of a board or server: frequencies, temperatures, load, what slows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.devices.remote.facts.device_state import (
    DeviceState,
    joined,
    parse_frequencies_and_limits,
    parse_load_average,
    parse_memory_bytes,
    state_queries,
)
from bench.devices.remote.facts.shell_queries import answers, file_lines, script
from bench.devices.remote.facts.temperatures import ZONES, parse_zones
from bench.devices.ssh.board.tegrastats import TEGRASTATS_QUERY, parse_tegrastats
from bench.integers import parse_integer
from bench.protocol.device import Facts

# Bits of the Raspberry Pi's `vcgencmd get_throttled` that are about now, by their meaning.
FIRMWARE_BITS = {
    0: "the supply voltage is too low",
    1: "the firmware limits the clock",
    2: "the firmware throttles",
    3: "the firmware's soft temperature limit is active",
}
_FIRMWARE = re.compile(r"throttled=(0x[0-9a-fA-F]{1,8})", re.ASCII)
# Cooling devices of Linux that lower a processor's clock (driver-api/thermal/sysfs-api.rst).
_CLOCK_COOLING = re.compile(r"cpufreq|^Processor$")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardState(DeviceState):
    """A device's state with what its kernel and its firmware say about throttling.

    `slowed_by` are the names of cooling devices that lower the processor's clock now, and what the
    firmware reports. `accelerators_mhz` are clocks of a Jetson's GPU and memory.
    """

    slowed_by: tuple[str, ...] = ()
    accelerators_mhz: Mapping[str, int] = field(default_factory=dict)

    @property
    def reported_throttling(self) -> str:
        """What kernel and firmware report, in words."""
        return ", ".join(self.slowed_by)

    def state(self) -> Facts:
        """Return limits, throttling, and clocks of a Jetson's other parts."""
        return {
            **DeviceState.state(self),
            "slowed_by": self.reported_throttling or None,
            "accelerators_mhz": joined(self.accelerators_mhz),
        }

    def changes_to(self, after: DeviceState) -> str:
        """Return what began to slow the machine until `after`, "" for nothing."""
        if not isinstance(after, BoardState):
            return ""
        return ", ".join(word for word in after.slowed_by if word not in self.slowed_by)


def state_script() -> str:
    """Return the shell script whose output `parse_state` reads."""
    cooling = f"{ZONES}/cooling_device*"
    return script(
        {
            **state_queries(),
            "cooling": f"first {cooling}/type {cooling}/cur_state",
            "firmware": "vcgencmd get_throttled",
            "tegrastats": TEGRASTATS_QUERY,
        }
    )


def parse_state(text: str) -> BoardState:
    """Parse the output of `state_script`; invalid values are None, never an error."""
    by_name = answers(text)
    total, available = parse_memory_bytes(by_name.get("memory", ""))
    frequencies_khz, limits_khz = parse_frequencies_and_limits(by_name)
    tegra = parse_tegrastats(by_name.get("tegrastats", ""))
    return BoardState(
        frequencies_khz=frequencies_khz or tegra.frequencies_khz,
        limits_khz=limits_khz,
        temperatures_c=parse_zones(by_name.get("zones", "")) or tegra.temperatures_c,
        load_average=parse_load_average(by_name.get("load", "")),
        memory_total_bytes=total,
        memory_available_bytes=available,
        slowed_by=(
            *_cooling(by_name.get("cooling", "")),
            *_firmware(by_name.get("firmware", "")),
        ),
        accelerators_mhz=tegra.accelerators_mhz,
    )


def _cooling(answer: str) -> list[str]:
    """Return the cooling devices that lower a processor's clock, and are not in state 0."""
    files = file_lines(answer)
    names = []
    for path, kind in files.items():
        folder = path.removesuffix("/type")
        state = parse_integer(files.get(f"{folder}/cur_state"), minimum=1)
        if folder != path and state is not None and _CLOCK_COOLING.search(kind):
            names.append(f"{kind} is in cooling state {state}")
    return names


def _firmware(answer: str) -> list[str]:
    match = _FIRMWARE.search(answer)
    bits = int(match[1], 16) if match else 0
    return [words for bit, words in FIRMWARE_BITS.items() if bits >> bit & 1]
