"""`Tail`: latencies of the slowest inferences, p90 and p99."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.reading import Count, from_plain
from bench.timing.intervals import interval

Floats = NDArray[np.float64]

P99_SAMPLES = 500  # below, too few lie above the 99th percentile to say where it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Percentiles of single samples as timed, in ms.

    `low_ms` and `high_ms` are the 95 % interval of `p90_ms`, from the replicates' own; `p99_ms` is
    None below `P99_SAMPLES` samples. `disturbed` counts the samples among them that no median
    holds: of bursts that were disturbed and repeated, and of rounds left out. It is None where the
    device does not give them: such a tail is of undisturbed samples alone, and too short.
    """

    p90_ms: float
    low_ms: float
    high_ms: float
    p99_ms: float | None
    samples: Count
    disturbed: Count | None

    @classmethod
    def of(cls, replicates_ns: Sequence[Floats], disturbed: int | None) -> "Tail":
        """Percentiles of all samples of the replicates, each (n,); linear between samples."""
        every_ms = np.concatenate(list(replicates_ns)) / 1e6
        p90_ms = float(np.quantile(every_ms, 0.9))
        own_ms = np.array([np.quantile(one, 0.9) for one in replicates_ns]) / 1e6
        low_ms, high_ms = interval(own_ms, p90_ms)
        enough = len(every_ms) >= P99_SAMPLES
        return cls(
            p90_ms=p90_ms,
            low_ms=low_ms,
            high_ms=high_ms,
            p99_ms=float(np.quantile(every_ms, 0.99)) if enough else None,
            samples=len(every_ms),
            disturbed=disturbed,
        )

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; None for an end of the interval that one replicate lacks."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tail":
        """Read `to_json`'s values; `WrongValueError` for others."""
        ends = {name: math.nan for name in ("low_ms", "high_ms") if data.get(name, 0) is None}
        return from_plain(cls, {**data, **ends}, "a tail", other_keys=True)

    @property
    def in_words(self) -> str:
        """Both percentiles, and of which samples."""
        p99 = "-" if self.p99_ms is None else f"{self.p99_ms:.4g} ms"
        of = f"{self.samples} samples"
        if self.disturbed is None:
            of += ", disturbed ones not among them: the device does not give those"
        else:
            of += f", {self.disturbed} of them disturbed"
        if self.p99_ms is None:
            of += f"; a p99 needs {P99_SAMPLES}"
        return f"p90 {self.p90_ms:.4g} ms, p99 {p99} ({of})"
