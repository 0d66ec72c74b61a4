"""`Measurement`: every sample of one block or network; statistics are derived from them."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Facts, Workload
from bench.protocol.target import Target
from bench.timing.intervals import interval
from bench.timing.tail import Tail

Floats = NDArray[np.float64]

SETTLED_HALF_WIDTH = 0.05  # relative; a wider interval is marked, and worth measuring again


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """One workload on one target.

    `samples_ns` is load x pass x call, as measured; `levels` (load x pass) is the machine's
    slowness at each visit as a factor, to be divided out. `taken_at` is ISO 8601, of the first
    pass. A reference has as many passes a load as it has visits.

    `disturbed_ns` (of each load n x call) are samples that count for tails alone: of bursts that
    were disturbed and repeated, and of passes left out. None of a load whose device does not give
    them; empty where none is known of any load.
    """

    workload: Workload
    target: Target
    samples_ns: Floats
    levels: Floats
    facts: Facts = field(default_factory=dict)
    taken_at: str = ""
    disturbed_ns: tuple[Floats | None, ...] = ()

    @property
    def cold(self) -> bool:
        """Whether the latency is that of the first call of a visit; else of the later ones."""
        return dict(self.target.options).get("cache") == "cold"

    def load_ms(self, *, cold: bool | None = None) -> Floats:
        """Median of each load at the common level, of the first calls or of the later ones."""
        ms: Floats = np.median(self._visits_ms(cold=cold), axis=1)
        return ms

    @cached_property
    def median_ms(self) -> float:
        """The latency: median over all visits, at the common level, of the calls that count."""
        return float(np.median(self._visits_ms()))

    @cached_property
    def cold_ms(self) -> float:
        """The first call of a visit, which finds the caches as other models left them."""
        return float(np.median(self._visits_ms(cold=True)))

    @cached_property
    def warm_ms(self) -> float:
        """The later calls of a visit."""
        return float(np.median(self._visits_ms(cold=False)))

    @cached_property
    def interval_ms(self) -> tuple[float, float]:
        """95 % interval of `median_ms`, from the loads' medians alone; see `interval`."""
        return interval(self.load_ms(), self.median_ms)

    @cached_property
    def raw_ms(self) -> float:
        """The latency as timed: median over all bursts, not drift-corrected."""
        return float(np.median(self._timed_ns())) / 1e6

    @cached_property
    def raw_interval_ms(self) -> tuple[float, float]:
        """95 % interval of `raw_ms`, from the replicates' medians as timed; see `interval`."""
        return interval(np.median(self._timed_ns(), axis=1) / 1e6, self.raw_ms)

    @cached_property
    def tail(self) -> Tail:
        """Percentiles of single samples as timed, the disturbed ones among them; see `Tail`."""
        extra = [self._counted(one) for one in self.disturbed_ns if one is not None]
        whole = self.disturbed_ns and len(extra) == len(self.disturbed_ns)
        disturbed = sum(one.size for one in extra) if whole else None
        return Tail.of([self._tail_ns(load) for load in range(self.loads)], disturbed)

    @property
    def p90_ms(self) -> float:
        """90th percentile of single samples as timed, the disturbed ones among them."""
        return self.tail.p90_ms

    @property
    def p99_ms(self) -> float | None:
        """99th percentile of the same samples; None below `P99_SAMPLES` samples."""
        return self.tail.p99_ms

    @property
    def corrected_p90_ms(self) -> float:
        """`p90_ms` as it would be at the common level: without the drift of the median."""
        return self.p90_ms * self.median_ms / self.raw_ms

    @property
    def corrected_p99_ms(self) -> float:
        """`p99_ms`, corrected as the p90 is; NaN where there is none."""
        return math.nan if self.p99_ms is None else self.p99_ms * self.median_ms / self.raw_ms

    def _tail_ns(self, load: int) -> Floats:
        """Every sample of a load that counts, (n,)."""
        disturbed_ns = self.disturbed_ns[load] if self.disturbed_ns else None
        parts = [self.samples_ns[load], *([] if disturbed_ns is None else [disturbed_ns])]
        return np.concatenate([self._counted(one) for one in parts])

    def _counted(self, samples_ns: Floats) -> Floats:
        """Of n bursts (n x call), the samples that count as warm or as cold, (m,)."""
        several = samples_ns.shape[1] > 1
        which = slice(0, 1) if self.cold else slice(1 if several else 0, None)
        found: Floats = samples_ns[:, which].ravel()
        return found

    def _timed_ns(self, *, cold: bool | None = None) -> Floats:
        which = self.cold if cold is None else cold
        return self.samples_ns[:, :, 0] if which else warm_ns(self.samples_ns)

    def _visits_ms(self, *, cold: bool | None = None) -> Floats:
        ms: Floats = self._timed_ns(cold=cold) / self.levels / 1e6
        return ms

    @property
    def half_width(self) -> float:
        """Half of the interval over the median."""
        low, high = self.interval_ms
        return (high - low) / 2 / self.median_ms

    @property
    def settled(self) -> bool:
        """Whether the interval is narrow enough to be relied on."""
        return bool(self.half_width <= SETTLED_HALF_WIDTH)

    @property
    def loads(self) -> int:
        return len(self.samples_ns)


def warm_ns(samples_ns: Floats) -> Floats:
    """Time of each visit when warm: median of its calls after the first; calls are the last axis.

    Of a single call, that one.
    """
    later = samples_ns[..., 1:] if samples_ns.shape[-1] > 1 else samples_ns
    found: Floats = np.median(later, axis=-1)
    return found
