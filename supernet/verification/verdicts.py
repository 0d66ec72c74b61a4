"""The verdicts on a measured network: its prediction within tolerance, its limit met.

A limit is judged by the latency as measured (raw), as a user will have it. A prediction is on the
scale of the predictor's own sweep, so it is judged by the drift-corrected latency where drift can
be corrected, else by the latency as measured. Both latencies have both verdicts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from bench.errors import DeviceError, InputError
from bench.timing.measurement import Measurement
from bench.timing.session_drift import SessionDrift


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A latency of a network in ms with its 95 % interval, and its two verdicts.

    `error` is the latency over the prediction, less 1 (above 0: slower than predicted). A verdict
    is None where there is nothing to judge by: no prediction, or no limit.
    """

    ms: float
    low_ms: float
    high_ms: float
    error: float | None
    within_tolerance: bool | None
    limit_met: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a network is judged by: its predicted latency and its limit, ms, where there are any.

    `tolerance` is the share of the prediction by which a latency may differ from it.
    """

    predicted_ms: float | None = None
    limit_ms: float | None = None
    tolerance: float = 0.1

    def judge(self, ms: float, interval_ms: tuple[float, float]) -> Figure:
        """Judge one latency."""
        error = None if self.predicted_ms is None else ms / self.predicted_ms - 1.0
        return Figure(
            ms=ms,
            low_ms=interval_ms[0],
            high_ms=interval_ms[1],
            error=error,
            within_tolerance=None if error is None else abs(error) <= self.tolerance,
            limit_met=None if self.limit_ms is None else ms <= self.limit_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A network as measured (raw) and drift-corrected, each judged by what was expected of it.

    `drift_corrected` is None where there is no correction: `drift` is unknown (None), or its
    estimates disagree by more than it would correct.
    """

    expected: Expected
    measured: Figure
    drift: SessionDrift | None = None
    drift_corrected: Figure | None = None

    @property
    def prediction_within_tolerance(self) -> bool | None:
        """The deciding verdict on the prediction: drift-corrected where there is a correction.

        A prediction is on the scale of the predictor's own sweep.
        """
        return (self.drift_corrected or self.measured).within_tolerance

    @property
    def failed(self) -> bool:
        """Whether a deciding verdict is against the network."""
        return self.prediction_within_tolerance is False or self.limit_met is False

    @property
    def limit_met(self) -> bool | None:
        """The deciding verdict on the limit: of the latency as measured, as a user will have it."""
        return self.measured.limit_met

    def to_json(self) -> dict[str, Any]:
        corrected = self.drift_corrected
        return {
            **asdict(self.expected),
            "measured": asdict(self.measured),
            "drift": None if self.drift is None else self.drift.to_json(),
            "drift_corrected": None if corrected is None else asdict(corrected),
            "prediction_within_tolerance": self.prediction_within_tolerance,
            "limit_met": self.limit_met,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json`'s values and judge them again; `ValueError` where one is no figure."""
        limit_ms, predicted_ms = data["limit_ms"], data["predicted_ms"]
        expected = Expected(
            predicted_ms=None if predicted_ms is None else _latency(predicted_ms),
            limit_ms=None if limit_ms is None else _latency(limit_ms),
            tolerance=_latency(data["tolerance"]),
        )
        drift, corrected = data["drift"], data["drift_corrected"]
        return cls(
            expected=expected,
            measured=_judged(expected, data["measured"]),
            drift=None if drift is None else SessionDrift.from_json(drift),
            drift_corrected=None if corrected is None else _judged(expected, corrected),
        )


def _judged(expected: Expected, figure: Mapping[str, Any]) -> Figure:
    ms, low_ms, high_ms = (_latency(figure[name]) for name in ("ms", "low_ms", "high_ms"))
    return expected.judge(ms, (low_ms, high_ms))


def _latency(value: Any) -> float:
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{value} is no figure above 0")
    return number


def verify(
    measurements: Sequence[Measurement], expected: Expected, drift: SessionDrift | None = None
) -> Verification:
    """Judge the one network among `measurements` by what was expected of it.

    `InputError` where the prediction is no latency, `DeviceError` where not one network was
    measured.
    """
    predicted_ms = expected.predicted_ms
    if predicted_ms is not None and not (math.isfinite(predicted_ms) and predicted_ms > 0):
        raise InputError(f"the predicted latency is {predicted_ms}, expected ms above 0")
    networks = [one for one in measurements if one.workload.role == "network"]
    if len(networks) != 1:
        raise DeviceError(f"the device measured {len(networks)} networks, expected 1; run it again")
    network, corrected = networks[0], None
    if drift is not None and drift.applied:
        low_ms, high_ms = network.interval_ms
        interval_ms = (low_ms / drift.ratio, high_ms / drift.ratio)
        corrected = expected.judge(network.median_ms / drift.ratio, interval_ms)
    return Verification(
        expected=expected,
        measured=expected.judge(network.raw_ms, network.raw_interval_ms),
        drift=drift,
        drift_corrected=corrected,
    )
