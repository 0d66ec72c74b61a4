"""A line of NVIDIA's `tegrastats`, which Jetson boards have: clocks and temperatures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.devices.remote.facts.core_files import plausible_khz
from bench.devices.remote.facts.temperatures import only_temperatures

# It prints a line at each interval until it is ended; the first is enough.
TEGRASTATS_QUERY = (
    "command -v tegrastats >/dev/null && timeout 3 tegrastats --interval 100 | head -n 1"
)
_CPUS = re.compile(r"\bCPU \[([^\]]{1,2000})\]")
_CORE = re.compile(r"\d{1,3}%@(\d{1,5})", re.ASCII)
_TEMPERATURE = re.compile(r"\b(\w{1,30})@(-?\d{1,4}(?:\.\d{1,3})?)C\b", re.ASCII)
_ACCELERATOR = re.compile(r"\b(GR3D_FREQ|EMC_FREQ) \d{1,3}%(?:@\[?(\d{1,5}))?", re.ASCII)
_NAMES = {"GR3D_FREQ": "gpu", "EMC_FREQ": "memory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TegraStats:
    """Clocks by core in kHz, those of GPU and memory in MHz, temperatures by sensor."""

    frequencies_khz: Mapping[int, int] = field(default_factory=dict)
    accelerators_mhz: Mapping[str, int] = field(default_factory=dict)
    temperatures_c: Mapping[str, float] = field(default_factory=dict)


def parse_tegrastats(line: str) -> TegraStats:
    """Parse one line; what is not in it, or is invalid, is left out."""
    cpus = _CPUS.search(line)
    clocks = [_CORE.fullmatch(word.strip()) for word in cpus[1].split(",")] if cpus else []
    by_core = {core: 1000 * int(match[1]) for core, match in enumerate(clocks) if match}
    return TegraStats(
        frequencies_khz={
            core: khz for core, khz in by_core.items() if plausible_khz(khz) is not None
        },
        accelerators_mhz={
            _NAMES[name]: int(mhz) for name, mhz in _ACCELERATOR.findall(line) if mhz
        },
        temperatures_c=only_temperatures(
            {name: float(value) for name, value in _TEMPERATURE.findall(line)}
        ),
    )
