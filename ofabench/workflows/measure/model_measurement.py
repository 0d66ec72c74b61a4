"""`ModelMeasurement`: the measured latencies of one model file."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

_RENAMED = {"settled": "narrow_interval"}  # in older files
_INTERVALS = ("low_ms", "high_ms", "corrected_low_ms", "corrected_high_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMeasurement:
    """One model file on one target. Latencies are in ms, of the samples that count.

    Attributes:
        file: name of the file.
        backend: which runtime ran it.
        target: key of what it was measured on.
        measured_ms: median as measured; `low_ms` and `high_ms` are its 95 % interval from
            replicates, NaN of a single one.
        corrected_ms: median, drift-corrected; `corrected_low_ms` and `corrected_high_ms` are its
            interval.
        p90_ms, p99_ms: percentiles of single samples as measured; p99 from 500 samples on.
        cold_ms: median of the first sample of each burst, drift-corrected.
        samples: how many timing samples count.
        narrow_interval: whether the interval is narrow enough to be relied on.
        load_ms, first_ms, peak_memory_bytes: of loading it in a fresh process on this machine;
            None elsewhere.
        energy_mj: energy of an inference in mJ without the idle device's power;
            `energy_low_mj` and `energy_high_mj` are its 95 % interval, `energy_with_idle_mj` is
            with that power, `energy_source` the sensor. None and "" where it was not measured.
        size_bytes: of the file.
        digest: of its content, shapes and input values.
    """

    file: str
    backend: str
    target: str
    measured_ms: float
    low_ms: float
    high_ms: float
    corrected_ms: float
    corrected_low_ms: float
    corrected_high_ms: float
    p90_ms: float
    p99_ms: float | None
    cold_ms: float
    samples: int
    narrow_interval: bool
    load_ms: float | None
    first_ms: float | None
    peak_memory_bytes: int | None
    size_bytes: int
    digest: str
    energy_mj: float | None = None
    energy_low_mj: float | None = None
    energy_high_mj: float | None = None
    energy_with_idle_mj: float | None = None
    energy_source: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; an unknown interval is null."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` returned."""
        values = {_RENAMED.get(name, name): value for name, value in data.items()}
        unknown = {name: math.nan for name in _INTERVALS if values[name] is None}
        return cls(**{**values, **unknown})
