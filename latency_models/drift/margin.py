"""`Margin`: how far the measured latency may exceed the prediction at a given confidence.

A latency limit applies to what a user measures in a later session. That differs from the
prediction by the predictor's error, by the network's scatter between sessions, and by the drift of
the machine up to the horizon. A limit on the drift-corrected latency does not include the drift.
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

# Grid of relative errors at which the quantile is computed once: number of points, largest error.
_STEPS, _LARGEST_ERROR = 192, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Safety margin added to a prediction so that a network stays within its limit.

    `confidence` is a probability in [0.5, 1). `limit_on` is `raw` for the latency as measured in a
    session up to `horizon_s` after the last one of the drift log, or `corrected` for the
    drift-corrected latency. `session_spread`, a relative standard deviation of the drift between
    sessions, overrides the log. `networks` is the number of networks that the predictor's error was
    estimated on, 0 where it is unknown. `selection` is the log error that search adds by preferring
    networks whose prediction is too low.
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
            choices = " or ".join(LIMITS_ON)
            raise InputError(f"the limit is on {self.limit_on!r}, expected {choices}")

    def compiled(self) -> UpperBound:
        """Return a function that computes upper bounds of latencies at the confidence, in ms, (n,).

        Its arguments are predictions and their standard deviations, both in ms, (n,).
        """
        grid = np.linspace(0.0, 1.0, _STEPS) ** 2 * _LARGEST_ERROR
        logs = self._log_upper(grid) + self.selection

        def upper_ms(ms: Floats, std_ms: Floats) -> Floats:
            # A network with a block that cannot run has an infinite latency with and without a
            # margin.
            runs = np.isfinite(ms)
            relative = np.divide(std_ms, ms, out=np.zeros(len(ms)), where=runs)
            upper: Floats = ms * np.exp(np.interp(relative, grid, logs))
            return upper

        return upper_ms

    def parts(self, relative_std: float) -> Mapping[str, float]:
        """Return what each part would add alone, and all together, relative to the prediction.

        `relative_std` is the standard deviation of the prediction over the prediction. The parts
        are independent, so the total is less than their sum.
        """
        drift, no_drift = self._drift(), _no_drift()
        ones = np.array([1.0])
        logs = {
            "prediction": no_drift.quantiles(
                self.confidence, self._prediction_std(relative_std * ones)
            ),
            "scatter": no_drift.quantiles(self.confidence, self._scatter_std() * ones),
            "drift": drift.quantiles(self.confidence, 0 * ones),
            "selection": self.selection * ones,
            "margin": self._log_upper(relative_std * ones) + self.selection,
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
        return _no_drift() if self.limit_on == CORRECTED else self.model.forecast(self.horizon_s)

    def _scatter_std(self) -> float:
        """Standard deviation of one network about the common drift.

        It is widened where few measurements support it.
        """
        if self.session_spread is not None:
            return 0.0  # the override includes the scatter
        return self.model.scatter * self._widened(self.model.scatter_freedom)

    def _prediction_std(self, relative_std: Floats) -> Floats:
        freedom = max(self.networks - 1, 1) if self.networks else math.inf
        widened: Floats = relative_std * self._widened(freedom)
        return widened

    def _widened(self, freedom: float) -> float:
        """Return Student's t quantile over the normal quantile at this confidence."""
        from scipy.special import ndtri, stdtrit

        normal = float(ndtri(self.confidence))
        if math.isinf(freedom) or normal <= 0:
            return 1.0
        return float(stdtrit(freedom, self.confidence)) / normal


def _no_drift() -> Forecast:
    """Return the forecast of a machine without drift."""
    return Forecast(weights=np.ones(1), means=np.zeros(1), variances=np.zeros(1))
