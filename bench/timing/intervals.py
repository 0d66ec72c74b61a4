"""95 % intervals of latencies from replicates."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Quantiles of Student's t at 97.5 %, by degrees of freedom; from 6 on a series is exact enough.
_T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}


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
