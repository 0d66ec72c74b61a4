"""`Energy`: energy per inference of one workload, with its interval over replicates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bench.protocol.energy import EnergyReading
from bench.reading import without_nan
from bench.timing.intervals import student_t

NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy of one inference in millijoules, from replicates; NaN where it is not known.

    Attributes:
        energy_mj: mean over replicates, without the power of the idle device. NaN if it is
            below the sensor's resolution.
        low_mj, high_mj: its 95 % interval: scatter of replicates, resolution of the sensor, and
            change of the idle power; NaN of a single replicate.
        with_idle_mj: the same with the idle power during an inference.
        idle_w: power of the idle device.
        source: the sensor and what it covers.
        replicates: how many have a known energy.
        peak_memory_bytes: most resident memory that the model took in a replicate; None if unknown.
    """

    energy_mj: float = NAN
    low_mj: float = NAN
    high_mj: float = NAN
    with_idle_mj: float = NAN
    idle_w: float = NAN
    source: str = ""
    replicates: int = 0
    peak_memory_bytes: int | None = None

    @classmethod
    def of(cls, readings: Sequence[EnergyReading], source: str) -> Self:
        """Return the energy of a workload's readings, one of each replicate."""
        memory = [
            reading.peak_memory_bytes
            for reading in readings
            if reading.peak_memory_bytes is not None
        ]
        peak_bytes = max(memory, default=None)
        known = [each for reading in readings if (each := _Replicate.of(reading)) is not None]
        if not known:
            return cls(source=source, peak_memory_bytes=peak_bytes)
        net_mj = np.array([replicate.net_mj for replicate in known])
        middle = float(net_mj.mean())
        half = math.hypot(_scatter(net_mj), max(each.uncertainty_mj for each in known))
        several = len(known) > 1
        resolved = middle > half
        return cls(
            energy_mj=middle if resolved else NAN,
            low_mj=middle - half if resolved and several else NAN,
            high_mj=middle + half if resolved and several else NAN,
            with_idle_mj=float(np.mean([each.with_idle_mj for each in known])),
            idle_w=float(np.mean([each.idle_w for each in known])),
            source=source,
            replicates=len(known),
            peak_memory_bytes=peak_bytes,
        )

    @property
    def known(self) -> bool:
        """Whether the energy was measured and its interval excludes 0."""
        return math.isfinite(self.energy_mj)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; null where unknown."""
        return without_nan({name: getattr(self, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replicate:
    """Energy per inference of one reading, in mJ, and the idle power in W."""

    net_mj: float
    with_idle_mj: float
    uncertainty_mj: float
    idle_w: float

    @classmethod
    def of(cls, reading: EnergyReading) -> "_Replicate | None":
        """Return None where the energy or the idle power is not known."""
        joules, before_w, after_w = reading.joules, reading.idle_before_w, reading.idle_after_w
        if joules is None or before_w is None or after_w is None or not reading.inferences:
            return None
        idle_w, each_mj = (before_w + after_w) / 2, 1e3 / reading.inferences
        net_mj = (joules - idle_w * reading.window_s) * each_mj
        idle_uncertainty_w = abs(after_w - before_w) / 2 + (reading.idle_uncertainty_w or 0.0)
        return cls(
            net_mj=net_mj,
            with_idle_mj=net_mj + idle_w * reading.busy_s * each_mj,
            uncertainty_mj=math.hypot(
                reading.uncertainty_j or 0.0, idle_uncertainty_w * reading.window_s
            )
            * each_mj,
            idle_w=idle_w,
        )


def _scatter(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the half-width of the interval that holds the mean of as many other replicates."""
    count = len(values)
    if count < 2:
        return 0.0
    return student_t(count - 1) * float(values.std(ddof=1)) * math.sqrt(2 / count)
