"""`Measurement`: all samples of one block or network; statistics are derived from them."""

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

SETTLED_HALF_WIDTH = 0.05  # relative; a wider interval is reported, and worth measuring again


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """All samples of one workload on one target.

    `samples_ns` is replicate x round x sample, as measured; `drift` (replicate x round) is the
    drift of each burst as a factor, to divide by. `taken_at` is the ISO 8601 time of the first
    round. A reference has as many rounds per replicate as it has bursts.

    `disturbed_ns` (n x sample for each replicate) are samples that count for tails alone: of bursts
    that were disturbed and repeated, and of rounds that do not count. None for a replicate whose
    device does not report them; empty if they are unknown for all replicates.
    """

    workload: Workload
    target: Target
    samples_ns: Floats
    drift: Floats
    facts: Facts = field(default_factory=dict)
    taken_at: str = ""
    disturbed_ns: tuple[Floats | None, ...] = ()

    @property
    def cold(self) -> bool:
        """Whether the latency is that of a burst's first sample; else that of the later ones."""
        return dict(self.target.options).get("cache") == "cold"

    def replicate_ms(self, *, cold: bool | None = None) -> Floats:
        """Return each replicate's drift-corrected median, of the first or the later samples."""
        ms: Floats = np.median(self._bursts_ms(cold=cold), axis=1)
        return ms

    @cached_property
    def median_ms(self) -> float:
        """The latency: drift-corrected median over all bursts."""
        return float(np.median(self._bursts_ms()))

    @cached_property
    def cold_ms(self) -> float:
        """Median of the first samples of bursts, for which other models filled the caches."""
        return float(np.median(self._bursts_ms(cold=True)))

    @cached_property
    def warm_ms(self) -> float:
        """Median of the later samples of bursts."""
        return float(np.median(self._bursts_ms(cold=False)))

    @cached_property
    def interval_ms(self) -> tuple[float, float]:
        """95 % interval of `median_ms`, from the medians of replicates; see `interval`."""
        return interval(self.replicate_ms(), self.median_ms)

    @cached_property
    def raw_ms(self) -> float:
        """The latency as measured: median over all bursts, not drift-corrected."""
        return float(np.median(self._timed_ns())) / 1e6

    @cached_property
    def raw_interval_ms(self) -> tuple[float, float]:
        """95 % interval of `raw_ms`, from the raw medians of replicates; see `interval`."""
        return interval(np.median(self._timed_ns(), axis=1) / 1e6, self.raw_ms)

    @cached_property
    def tail(self) -> Tail:
        """Percentiles of single samples as measured, including disturbed ones; see `Tail`."""
        known = [
            self._counted(samples_ns) for samples_ns in self.disturbed_ns if samples_ns is not None
        ]
        complete = self.disturbed_ns and len(known) == len(self.disturbed_ns)
        disturbed = sum(samples_ns.size for samples_ns in known) if complete else None
        return Tail.of(
            [self._tail_ns(replicate) for replicate in range(self.replicates)], disturbed
        )

    @property
    def p90_ms(self) -> float:
        """90th percentile of single samples as measured, including disturbed ones."""
        return self.tail.p90_ms

    @property
    def p99_ms(self) -> float | None:
        """99th percentile of the same samples; None below `P99_SAMPLES` samples."""
        return self.tail.p99_ms

    @property
    def corrected_p90_ms(self) -> float:
        """Drift-corrected `p90_ms`: multiplied by the drift correction of the median."""
        return self.p90_ms * self.median_ms / self.raw_ms

    @property
    def corrected_p99_ms(self) -> float:
        """Drift-corrected `p99_ms`, as for the p90; NaN if there is none."""
        return math.nan if self.p99_ms is None else self.p99_ms * self.median_ms / self.raw_ms

    def _tail_ns(self, replicate: int) -> Floats:
        """Return every sample of a replicate that counts for the tail, (n,)."""
        disturbed_ns = self.disturbed_ns[replicate] if self.disturbed_ns else None
        parts = [self.samples_ns[replicate], *([] if disturbed_ns is None else [disturbed_ns])]
        return np.concatenate([self._counted(part) for part in parts])

    def _counted(self, samples_ns: Floats) -> Floats:
        """Return the samples of n bursts (n x sample) that count as warm or as cold, (m,)."""
        several = samples_ns.shape[1] > 1
        which = slice(0, 1) if self.cold else slice(1 if several else 0, None)
        counted: Floats = samples_ns[:, which].ravel()
        return counted

    def _timed_ns(self, *, cold: bool | None = None) -> Floats:
        which = self.cold if cold is None else cold
        return self.samples_ns[:, :, 0] if which else warm_ns(self.samples_ns)

    def _bursts_ms(self, *, cold: bool | None = None) -> Floats:
        ms: Floats = self._timed_ns(cold=cold) / self.drift / 1e6
        return ms

    @property
    def half_width(self) -> float:
        """Half width of the interval, relative to the median."""
        low, high = self.interval_ms
        return (high - low) / 2 / self.median_ms

    @property
    def narrow_interval(self) -> bool:
        """Whether the interval is narrow enough."""
        return bool(self.half_width <= SETTLED_HALF_WIDTH)

    @property
    def replicates(self) -> int:
        return len(self.samples_ns)


def warm_ns(samples_ns: Floats) -> Floats:
    """Return the warm time of each burst: the median of its samples after the first.

    Samples are the last axis. The only sample is used if there is one.
    """
    later = samples_ns[..., 1:] if samples_ns.shape[-1] > 1 else samples_ns
    warm: Floats = np.median(later, axis=-1)
    return warm
