"""`Measurement`: every sample of one block or network; statistics are derived from them."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.protocol.device import Facts, Workload
from bench.protocol.target import Target

Floats = NDArray[np.float64]

SETTLED_HALF_WIDTH = 0.05  # relative; a wider interval is marked, and worth measuring again
# Quantiles of Student's t at 97.5 %, by degrees of freedom; from 6 on a series is exact enough.
_T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """One workload on one target.

    `samples_ns` is load x pass x call, as measured; `levels` (load x pass) is the machine's
    slowness at each visit as a factor, to be divided out. `taken_at` is ISO 8601, of the first
    pass. A reference has as many passes a load as it has visits.
    """

    workload: Workload
    target: Target
    samples_ns: Floats
    levels: Floats
    facts: Facts = field(default_factory=dict)
    taken_at: str = ""

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
        """The latency as timed: median over all bursts, no drift divided out."""
        return float(np.median(self._timed_ns())) / 1e6

    @cached_property
    def raw_interval_ms(self) -> tuple[float, float]:
        """95 % interval of `raw_ms`, from the replicates' medians as timed; see `interval`."""
        return interval(np.median(self._timed_ns(), axis=1) / 1e6, self.raw_ms)

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


def interval(values: Floats, middle: float) -> tuple[float, float]:
    """Where 95 of 100 like sweeps would have their latency, given `values` > 0 of one's own loads.

    Both sweeps err, this one and the other, and so the extremes of six loads are too narrow: they
    hold another six loads' in 90 of 100 cases even where loads are independent. Taken is
    Student's t on logarithms, with the variance of a difference of two means, about `middle`.
    One load tells nothing: NaN.
    """
    count = len(values)
    if count < 2:
        return float("nan"), float("nan")
    spread = float(np.log(values).std(ddof=1))
    reach = student_t(count - 1) * spread * math.sqrt(2 / count)
    return middle * math.exp(-reach), middle * math.exp(reach)


def student_t(freedom: int) -> float:
    """Quantile of Student's t at 97.5 %, within 0.002."""
    if freedom in _T975:
        return _T975[freedom]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / (4 * freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    return z + first + second + third
