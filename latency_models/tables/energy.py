"""Energy of workloads as columns of tables, and its provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Workload
from bench.timing.energy import Energy

ENERGY = "energy"  # key of a table's provenance
_FIELDS = {
    "energy_mj": "energy_mj",
    "energy_low_mj": "low_mj",
    "energy_high_mj": "high_mj",
    "energy_with_idle_mj": "with_idle_mj",
    "peak_memory_bytes": "peak_memory_bytes",
}


def energy_figures(
    work: Sequence[Workload], energies: Mapping[Workload, Energy]
) -> dict[str, NDArray[np.float64]]:
    """Return columns of energy and memory, each (n,), by name; NaN where they are not known."""
    unknown = Energy()
    rows = [energies.get(workload, unknown) for workload in work]
    return {
        name: np.array([_number(getattr(row, field)) for row in rows], dtype=np.float64)
        for name, field in _FIELDS.items()
    }


def energy_provenance(energies: Mapping[Workload, Energy]) -> dict[str, Any]:
    """Return the sensors and the mean idle power; empty where no energy is known."""
    known = [energy for energy in energies.values() if energy.known]
    if not known:
        return {}
    sources = "; ".join(dict.fromkeys(energy.source for energy in known))
    idle_w = float(np.mean([energy.idle_w for energy in known]))
    return {ENERGY: {"source": sources, "idle_w": round(idle_w, 4)}}


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
