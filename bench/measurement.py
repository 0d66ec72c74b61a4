"""`Measurement`: every sample of one block or network; statistics are derived from them."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.devices.base import Facts, Workload
from bench.spec import Target

Floats = NDArray[np.float64]

SETTLED_HALF_WIDTH = 0.05  # relative; a wider interval is marked, and worth measuring again
FIRST_CALL, LAST_CALL = 0, -1
# Quantiles of Student's t at 97.5 %, by degrees of freedom; from 6 on a series is exact enough.
_T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}


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
        """95 % interval of `median_ms`, from the loads' medians alone; see `interval`."""
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
    """Where 95 of 100 like sweeps would have their median, given `values` > 0 of one's own loads.

    Both medians err, this one and the other's, and so the extremes of six loads are too narrow:
    they hold another six loads' median in 90 of 100 cases even where loads are independent. Taken
    is Student's t on logarithms, with the variance of a difference of two medians. One load
    tells nothing: NaN.
    """
    count = len(values)
    if count < 2:
        return float("nan"), float("nan")
    spread = np.log(values).std(ddof=1)
    reach = student_t(count - 1) * spread * math.sqrt(2 * _median_variance(count))
    middle = np.median(values)
    return float(middle * np.exp(-reach)), float(middle * np.exp(reach))


def student_t(freedom: int) -> float:
    """Quantile of Student's t at 97.5 %, within 0.002."""
    if freedom in _T975:
        return _T975[freedom]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / (4 * freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    return z + first + second + third


def _median_variance(count: int) -> float:
    """Variance of the median of `count` standard normal values, within 5 %."""
    return math.pi / 2 / (count + (0.57 if count % 2 else 1.3))
