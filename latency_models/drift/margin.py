"""`Margin`: how far above its prediction a network may be measured, at a confidence.

A latency limit is about what a user will measure: in another session, as measured. What that
differs from a prediction by is the predictor's error, the network's own scatter from session to
session, and the drift of the machine at the horizon. A limit on the drift-corrected latency is
without the drift.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from latency_models.drift.limit_on import CORRECTED, LIMITS_ON, RAW
from latency_models.drift.model import DriftModel
from latency_models.drift.process import Forecast

Floats = NDArray[np.float64]
UpperBound = Callable[[Floats, Floats], Floats]

_STEPS, _MOST = 192, 1.0  # of relative error, at which the quantile is computed once for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """What is added to a prediction so that a network stays within its limit.

    `confidence` is a probability in [0.5, 1). The limit is on the latency as measured (`raw`) of a
    session up to `horizon_s` after the last one of the drift log, or on the drift-corrected one
    (`corrected`). `session_spread` overrides the log: a relative standard deviation of the drift
    between sessions. `networks` is how many the predictor's error was estimated on, 0 where that is
    not known. `selection` is what search adds by preferring what is predicted too low.
    """

    confidence: float
    model: DriftModel
    horizon_s: float
    limit_on: str = RAW
    session_spread: float | None = None
    networks: int = 0
    selection: float = 0.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.confidence < 1:
            raise InputError(
                f"confidence is {self.confidence}, expected at least 0.5 and below 1, as 0.95"
            )
        if not (math.isfinite(self.horizon_s) and self.horizon_s > 0):
            raise InputError(f"the horizon is {self.horizon_s} s, expected a time above 0")
        if self.limit_on not in LIMITS_ON:
            wanted = " or ".join(LIMITS_ON)
            raise InputError(f"the limit is on {self.limit_on!r}, expected {wanted}")

    def compiled(self) -> UpperBound:
        """Return what gives latencies that networks stay below at the confidence, in ms, (n,).

        It takes predictions and the predictor's standard deviations, both in ms, (n,).
        """
        grid = np.linspace(0.0, 1.0, _STEPS) ** 2 * _MOST
        logs = self._log_upper(grid) + self.selection

        def upper_ms(ms: Floats, std_ms: Floats) -> Floats:
            # A network with a block that cannot run takes infinitely long, margin or not.
            runs = np.isfinite(ms)
            relative = np.divide(std_ms, ms, out=np.zeros(len(ms)), where=runs)
            found: Floats = ms * np.exp(np.interp(relative, grid, logs))
            return found

        return upper_ms

    def parts(self, relative_std: float) -> Mapping[str, float]:
        """What each part alone would add, and all of them together, as shares of the prediction.

        `relative_std` is the predictor's standard deviation over its prediction. Parts are
        independent: together they are less than their sum.
        """
        drift, still = self._drift(), _still()
        one = np.array([1.0])
        logs = {
            "prediction": still.quantiles(
                self.confidence, self._prediction_std(relative_std * one)
            ),
            "scatter": still.quantiles(self.confidence, self._scatter_std() * one),
            "drift": drift.quantiles(self.confidence, 0 * one),
            "selection": self.selection * one,
            "margin": self._log_upper(relative_std * one) + self.selection,
        }
        return {name: math.expm1(float(value[0])) for name, value in logs.items()}

    def _log_upper(self, relative_std: Floats) -> Floats:
        extra = np.hypot(self._prediction_std(relative_std), self._scatter_std())
        return self._drift().quantiles(self.confidence, extra)

    def _drift(self) -> Forecast:
        if self.session_spread is not None:
            return Forecast(
                weights=np.ones(1), means=np.zeros(1), variances=np.array([self.session_spread**2])
            )
        return _still() if self.limit_on == CORRECTED else self.model.forecast(self.horizon_s)

    def _scatter_std(self) -> float:
        """Of a network about the drift of all, widened for how few measurements say so."""
        if self.session_spread is not None:
            return 0.0  # it holds all that sessions differ by
        return self.model.scatter * self._widened(self.model.scatter_freedom)

    def _prediction_std(self, relative_std: Floats) -> Floats:
        freedom = max(self.networks - 1, 1) if self.networks else math.inf
        found: Floats = relative_std * self._widened(freedom)
        return found

    def _widened(self, freedom: float) -> float:
        """Student's t over the normal quantile, at this confidence."""
        from scipy.special import ndtri, stdtrit

        normal = float(ndtri(self.confidence))
        if math.isinf(freedom) or normal <= 0:
            return 1.0
        return float(stdtrit(freedom, self.confidence)) / normal


def _still() -> Forecast:
    """No drift."""
    return Forecast(weights=np.ones(1), means=np.zeros(1), variances=np.zeros(1))
