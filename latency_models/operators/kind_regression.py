"""Latency of operators of one kind that were not measured: by their work, and similar operators."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from bench.operators.operator import Operator
from latency_models.operators.corrections import Correction, fit_correction, logarithms_of
from latency_models.operators.measured import work_matrix

Floats = NDArray[np.float64]

LEAST_OPERATORS = 5  # of a kind, below which its regression is not used
FAR = 1.0  # doublings of work beyond all measured operators, from which an estimate is limited
LARGEST_RATIO = 16.0  # of a limited estimate to that of all kinds, either way
DOUBLING_STD = 0.2  # of the logarithm, for each doubling of work beyond all measured operators
LARGEST_STD = 1.0  # of the logarithm, however far
_LEAST_MS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindRegression:
    """Latency of a kind of operator: non-negative costs of its work, times a factor.

    Attributes:
        per_unit_ms: cost of a call, a MAC, a byte read, written, and constant, (5,).
        correction: the factor, by similar operators.
        least, most: logarithms of the smallest and the largest work that was measured, (4,).
    """

    per_unit_ms: Floats
    correction: Correction
    least: Floats
    most: Floats

    def predict(self, operators: Sequence[Operator]) -> tuple[Floats, Floats]:
        """Return latencies in ms, (m,), and standard deviations of their logarithms, (m,)."""
        log_factors, log_std = self.correction.log_factors(operators)
        return self.base_ms(work_matrix(operators)) * np.exp(log_factors), log_std

    def predict_near(
        self, operators: Sequence[Operator], general: "KindRegression"
    ) -> tuple[Floats, Floats]:
        """Predict, and limit what is far beyond all measured operators of this kind.

        Costs of a unit that small operators suggest may be wrong by orders of magnitude for large
        ones: such an estimate stays within `LARGEST_RATIO` of that by `general`, the regression of
        all kinds, and its deviation grows with the distance.
        """
        ms, log_std = self.predict(operators)
        work = work_matrix(operators)
        logarithms, general_ms = logarithms_of(work), general.base_ms(work)
        beyond = np.maximum(logarithms - self.most, self.least - logarithms).max(axis=1)
        limited_ms = np.clip(ms, general_ms / LARGEST_RATIO, general_ms * LARGEST_RATIO)
        far_std = np.clip(DOUBLING_STD * beyond, 0, LARGEST_STD)
        return np.where(beyond > FAR, limited_ms, ms), np.maximum(log_std, far_std)

    def base_ms(self, work: Floats) -> Floats:
        """Return what the costs of the work sum up to, in ms, (m,)."""
        return base_ms(work, self.per_unit_ms)


def fit_kind(operators: Sequence[Operator], ms: Floats) -> KindRegression:
    """Fit on measured operators and their latencies (n,) in ms, all above 0.

    Costs minimise relative errors; what they miss is corrected by similar operators.
    """
    work = work_matrix(operators)
    per_unit_ms = np.asarray(nnls(work / ms[:, None], np.ones(len(ms)))[0])
    expected_ms, logarithms = base_ms(work, per_unit_ms), logarithms_of(work)
    return KindRegression(
        per_unit_ms=per_unit_ms,
        correction=fit_correction(operators, np.log(ms / expected_ms), expected_ms),
        least=logarithms.min(axis=0),
        most=logarithms.max(axis=0),
    )


def base_ms(work: Floats, per_unit_ms: Floats) -> Floats:
    """Return what work (m, 5) costs, in ms, (m,); above 0."""
    result: Floats = np.maximum(work @ per_unit_ms, _LEAST_MS)
    return result
