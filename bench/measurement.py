"""`Measurement`: every sample of one block or network; statistics are derived from them."""

from dataclasses import dataclass, field
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from bench.devices.base import Facts, Workload
from bench.spec import Target

Floats = NDArray[np.float64]

SETTLED_HALF_WIDTH = 0.05  # relative; a wider interval is marked, and worth measuring again
CONFIDENCE = 0.95
FIRST_CALL, LAST_CALL = 0, -1
# Quantiles of Student's t at 97.5 %, by degrees of freedom: too few loads for order statistics.
_T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """One workload on one target.

    `samples_ns` is load x pass x call, as measured; `levels` (load x pass) is the machine's
    slowness in each pass as a factor, to be divided out. `taken_at` is ISO 8601, of the first
    pass. A reference has as many passes a load as it has visits.
    """

    workload: Workload
    target: Target
    samples_ns: Floats
    levels: Floats
    facts: Facts = field(default_factory=dict)
    taken_at: str = ""

    @property
    def reported_call(self) -> int:
        """Which call of a visit is the latency: the last, or the first where cache is cold."""
        return FIRST_CALL if dict(self.target.options).get("cache") == "cold" else LAST_CALL

    def load_ms(self, call: int | None = None) -> Floats:
        """Median of each load at the common level, for one call of the visits."""
        which = self.reported_call if call is None else call
        levelled_ns = self.samples_ns[:, :, which] / self.levels
        ms: Floats = np.median(levelled_ns, axis=1) / 1e6
        return ms

    @cached_property
    def median_ms(self) -> float:
        """The latency: median over loads of the reported call."""
        return float(np.median(self.load_ms()))

    @cached_property
    def cold_ms(self) -> float:
        """The first call of a visit, which finds the caches as other models left them."""
        return float(np.median(self.load_ms(FIRST_CALL)))

    @cached_property
    def warm_ms(self) -> float:
        """The last call of a visit."""
        return float(np.median(self.load_ms(LAST_CALL)))

    @cached_property
    def interval_ms(self) -> tuple[float, float]:
        """95 % interval of `median_ms`, from the loads' medians alone; NaN for a single load."""
        return interval(self.load_ms())

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


def interval(values: Floats) -> tuple[float, float]:
    """95 % interval of the median of what independent `values` > 0 are drawn from.

    From six on it is the narrowest pair of order statistics that holds the median in 95 of 100
    cases, whatever the distribution (of 6 the extremes, 96.9 %); of two to five, Student's t on
    logarithms; one value tells nothing.
    """
    count = len(values)
    if count < 2:
        return float("nan"), float("nan")
    if count - 1 in _T975:
        logs = np.log(values)
        reach = _T975[count - 1] * logs.std(ddof=1) / np.sqrt(count)
        low, high = np.exp(np.median(logs) - reach), np.exp(np.median(logs) + reach)
        return float(low), float(high)
    ordered = np.sort(values)
    cut = _outside(count)
    return float(ordered[cut]), float(ordered[count - 1 - cut])


def _outside(count: int) -> int:
    """How many of `count` sorted values may be left out at either end."""
    tail, cut = 1, 0  # tail: 2^count times the chance that at most `cut` values lie below
    while 2 * (tail + comb(count, cut + 1)) <= (1 - CONFIDENCE) * 2**count:
        cut += 1
        tail += comb(count, cut)
    return cut
