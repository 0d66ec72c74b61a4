"""Facts of all cores of a device, with the names that this machine's facts have too."""

from collections.abc import Iterable, Sequence

from bench.devices.remote.facts.core_files import Core
from bench.protocol.device import Facts


def core_facts(cores: Sequence[Core]) -> Facts:
    """Return number, frequencies in kHz and governors of the cores."""
    return {
        "cpu_cores": len(cores) or None,
        "cpu_cores_online": _joined(str(core.number) for core in cores if core.online),
        "cores_max_khz": _of_each(core.max_khz for core in cores),
        "cores_min_khz": _of_each(core.min_khz for core in cores),
        "governors": _of_each(core.governor for core in cores),
        "governor": _joined(dict.fromkeys(core.governor for core in cores if core.governor)),
        "frequency_max_khz": max(
            (core.max_khz for core in cores if core.max_khz is not None), default=None
        ),
    }


def _of_each(values: Iterable[int | str | None]) -> str | None:
    """Return a value for every core; None where no core has one."""
    each = list(values)
    return _joined(map(str, each)) if any(value is not None for value in each) else None


def _joined(parts: Iterable[str]) -> str | None:
    return ",".join(parts) or None
