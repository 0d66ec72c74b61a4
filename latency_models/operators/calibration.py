"""Calibration of sums of operators by models that were measured whole."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

LEAST_MODELS = 2  # below which nothing is calibrated
OVERHEAD_MODELS = 4  # below which no overhead is fitted
UNCALIBRATED_STD = 0.2  # relative, where there is no measured model
LEAST_STD = 0.01  # relative, of a sum of measured operators
LEAST_SHARE = 0.05  # of an operator's warm latency that it costs at least
_FORMS = (("warm", "cold"), ("warm", "cold", "overhead"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What an operator costs in a model, by what it takes as a model of one node.

    Attributes:
        warm_share, cold_share: of its warm and cold latency.
        overhead_ms: of a run of a model of one node, which the operator in a graph does not pay.
        relative_std: standard deviation of models' errors, relative, each predicted from the
            others.
    """

    warm_share: float = 1.0
    cold_share: float = 0.0
    overhead_ms: float = 0.0
    relative_std: float = UNCALIBRATED_STD

    def cost_ms(self, warm_ms: float, cold_ms: float) -> float:
        """Return what an operator costs in a model; always above 0."""
        ms = self.warm_share * warm_ms + self.cold_share * cold_ms - self.overhead_ms
        return max(ms, LEAST_SHARE * warm_ms)


def calibrate(sums: Floats, ms: Floats) -> Calibration:
    """Fit by relative least squares, non-negative; the form with the smaller left-out error.

    Args:
        sums: of each model its operators' warm latencies and cold ones in ms, and their number,
            (models, 3).
        ms: the models' latencies, (models,).
    """
    if len(ms) < 1:
        return Calibration()
    rows = sums * np.array([1.0, 1.0, -1.0]) / ms[:, None]
    count = len(_FORMS) if len(ms) >= OVERHEAD_MODELS else 1
    fits = [_fit(rows[:, : len(form)]) for form in _FORMS[:count]]
    coefficients, error = min(fits, key=lambda fit: fit[1])
    warm, cold, overhead = (*coefficients, 0.0)[:3]
    std = UNCALIBRATED_STD if len(ms) < LEAST_MODELS else max(error, LEAST_STD)
    return Calibration(warm_share=warm, cold_share=cold, overhead_ms=overhead, relative_std=std)


def _fit(rows: Floats) -> tuple[tuple[float, ...], float]:
    """Return coefficients, and the root mean square of relative errors of rows left out."""
    ones = np.ones(len(rows))
    coefficients, _ = nnls(rows, ones)
    errors = []
    for place in range(len(rows)):
        others = np.delete(rows, place, axis=0)
        if len(others):
            left_out, _ = nnls(others, ones[1:])
            errors.append(float(rows[place] @ left_out) - 1)
    return tuple(map(float, coefficients)), float(np.sqrt(np.mean(np.square(errors or [0.0]))))
