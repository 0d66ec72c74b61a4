"""`Tail`: latencies of the slowest inferences, p90 and p99."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.reading import Count, from_plain, without_nan
from bench.timing.intervals import interval

Floats = NDArray[np.float64]

P99_SAMPLES = 500  # with fewer samples, too few lie above the 99th percentile to estimate it


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Percentiles of single samples as measured, in ms.

    `low_ms` and `high_ms` are the 95 % interval of `p90_ms`, computed from replicates; `p99_ms` is
    None below `P99_SAMPLES` samples. `disturbed` counts the samples that only tails count: of
    bursts that were disturbed and repeated, and of rounds that do not count. It is None if the
    device does not report them: then the tail is of undisturbed samples alone, and too short.
    """

    p90_ms: float
    low_ms: float
    high_ms: float
    p99_ms: float | None
    samples: Count
    disturbed: Count | None

    @classmethod
    def of(cls, replicates_ns: Sequence[Floats], disturbed: int | None) -> "Tail":
        """Return percentiles of the replicates' samples, each (n,); linear between samples."""
        all_ms = np.concatenate(list(replicates_ns)) / 1e6
        p90_ms = float(np.quantile(all_ms, 0.9))
        by_replicate_ms = (
            np.array([np.quantile(samples_ns, 0.9) for samples_ns in replicates_ns]) / 1e6
        )
        low_ms, high_ms = interval(by_replicate_ms, p90_ms)
        has_p99 = len(all_ms) >= P99_SAMPLES
        return cls(
            p90_ms=p90_ms,
            low_ms=low_ms,
            high_ms=high_ms,
            p99_ms=float(np.quantile(all_ms, 0.99)) if has_p99 else None,
            samples=len(all_ms),
            disturbed=disturbed,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; None for a bound that one replicate does not have."""
        return without_nan(asdict(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tail":
        """Read `to_json`'s values; `WrongValueError` for others."""
        ends = {name: math.nan for name in ("low_ms", "high_ms") if data.get(name, 0) is None}
        return from_plain(cls, {**data, **ends}, "a tail", other_keys=True)

    @property
    def in_words(self) -> str:
        """Both percentiles, and the samples that they are of, in words."""
        p99 = "-" if self.p99_ms is None else f"{self.p99_ms:.4g} ms"
        counted = f"{self.samples} samples"
        if self.disturbed is None:
            counted += ", disturbed ones not among them: the device does not give those"
        else:
            counted += f", {self.disturbed} of them disturbed"
        if self.p99_ms is None:
            counted += f"; a p99 needs {P99_SAMPLES}"
        return f"p90 {self.p90_ms:.4g} ms, p99 {p99} ({counted})"
