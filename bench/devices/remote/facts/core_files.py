"""Processor cores and their frequencies, from Linux's files (admin-guide/pm/cpufreq.rst)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.devices.remote.facts.shell_queries import file_lines
from bench.integers import parse_integer

CPU = "/sys/devices/system/cpu"
CLOCK_KHZ = (10_000, 10_000_000)  # 10 MHz to 10 GHz: plausible frequencies of a core
_CORE_FILE = re.compile(r"/cpu(\d{1,4})/cpufreq/(\w+)$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One processor core; frequencies in kHz."""

    number: int
    online: bool = True
    min_khz: int | None = None
    max_khz: int | None = None
    governor: str | None = None


def core_queries() -> dict[str, str]:
    """Return the shell commands whose output `parse_cores` reads, by name."""
    files = " ".join(
        f"{CPU}/cpu[0-9]*/cpufreq/{name}"
        for name in ("cpuinfo_min_freq", "cpuinfo_max_freq", "scaling_governor")
    )
    return {
        "cpus": f"first {CPU}/possible {CPU}/present {CPU}/online; ls -d {CPU}/cpu[0-9]*",
        "cpufreq": f"first {files}",
    }


def parse_cores(answers: Mapping[str, str]) -> tuple[Core, ...]:
    """Return the cores from the answers to `core_queries`; invalid values are None."""
    cpus = answers.get("cpus", "")
    files, known = file_lines(cpus), file_lines(answers.get("cpufreq", ""))
    listed = {parse_integer(line.removeprefix(f"{CPU}/cpu")) for line in cpus.splitlines()}
    numbers = parse_core_list(files.get(f"{CPU}/present"))
    numbers = numbers or parse_core_list(files.get(f"{CPU}/possible"))
    numbers = numbers or frozenset(
        number_of_core
        for number_of_core in listed
        if number_of_core is not None and number_of_core >= 0
    )
    online = parse_core_list(files.get(f"{CPU}/online")) or numbers
    return tuple(_core(core, core in online, known) for core in sorted(numbers))


def parse_core_list(text: str | None) -> frozenset[int]:
    """Parse the kernel's lists of cores, as `0-3,5`."""
    cores: set[int] = set()
    for part in (text or "").split(","):
        first, dash, last = part.partition("-")
        low, high = parse_integer(first), parse_integer(last if dash else first)
        if low is not None and high is not None and 0 <= low <= high < 1024:
            cores.update(range(low, high + 1))
    return frozenset(cores)


def parse_frequencies(answer: str, name: str) -> dict[int, int]:
    """Return the plausible values in kHz of the files `name` of cpufreq, by core."""
    by_core: dict[int, int] = {}
    for path, content in file_lines(answer).items():
        match, khz = _CORE_FILE.search(path), plausible_khz(parse_integer(content))
        if match and match[2] == name and khz is not None:
            by_core[int(match[1])] = khz
    return dict(sorted(by_core.items()))


def plausible_khz(value: int | None) -> int | None:
    """Return a core's frequency; None if it is implausible."""
    return value if value is not None and CLOCK_KHZ[0] <= value <= CLOCK_KHZ[1] else None


def _core(core: int, online: bool, files: Mapping[str, str]) -> Core:
    freq = f"{CPU}/cpu{core}/cpufreq"
    return Core(
        number=core,
        online=online,
        min_khz=plausible_khz(parse_integer(files.get(f"{freq}/cpuinfo_min_freq"))),
        max_khz=plausible_khz(parse_integer(files.get(f"{freq}/cpuinfo_max_freq"))),
        governor=files.get(f"{freq}/scaling_governor") or None,
    )
