"""95 % confidence intervals of latencies, computed from replicates."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Quantiles of Student's t at 97.5 %, by degrees of freedom; from 6 on the series is precise enough.
_T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}


def interval(values: Floats, middle: float) -> tuple[float, float]:
    """Return the interval that holds the latency of 95 of 100 repeated sweeps.

    `values` > 0 are the latencies of this sweep's replicates, `middle` is the centre. Both sweeps
    vary, this one and the repeated one, so the range of six replicates is too narrow: it holds the
    latency of another six in only 90 of 100 cases, even if replicates are independent. The interval
    is Student's t on logarithms, with the variance of a difference of two means. NaN for one
    replicate.
    """
    count = len(values)
    if count < 2:
        return float("nan"), float("nan")
    spread = float(np.log(values).std(ddof=1))
    reach = student_t(count - 1) * spread * math.sqrt(2 / count)
    return middle * math.exp(-reach), middle * math.exp(reach)


def student_t(degrees: int) -> float:
    """Return the quantile of Student's t at 97.5 %, within 0.002."""
    if degrees in _T975:
        return _T975[degrees]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / (4 * degrees)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    return z + first + second + third
