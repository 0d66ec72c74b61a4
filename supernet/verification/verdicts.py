"""Verdicts on a measured network: prediction within tolerance, and limit met.

A limit applies to the latency as measured (raw), as a user sees it. A prediction refers to the
predictor's sweep, so it is compared with the drift-corrected latency where drift can be corrected,
else with the latency as measured. Both latencies have both verdicts.

A latency is the median, or the 90th percentile of single samples where the statistic is `p90`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from bench.blocks.spec import BlockSpec
from bench.errors import DeviceError, InputError
from bench.reading import Positive, from_plain
from bench.timing.measurement import Measurement
from bench.timing.session_drift import SessionDrift
from bench.timing.statistic import MEDIAN, P90
from bench.timing.tail import Tail


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLatency:
    """Latency of a network in ms with its 95 % interval, and its two verdicts.

    `error` is the latency over the prediction, minus 1 (above 0: slower than predicted). A verdict
    is None where there is no prediction or no limit.
    """

    ms: float
    low_ms: float
    high_ms: float
    error: float | None
    within_tolerance: bool | None
    limit_met: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Expectations on a network: its predicted latency and its limit in ms, both optional.

    `tolerance` is the allowed relative deviation from the prediction. `statistic` is the statistic
    of both: the median, or `p90`.
    """

    predicted_ms: Positive | None = None
    limit_ms: Positive | None = None
    tolerance: Positive = 0.1
    statistic: str = MEDIAN

    def compare(self, ms: float, interval_ms: tuple[float, float]) -> JudgedLatency:
        """Return a latency with its verdicts."""
        error = None if self.predicted_ms is None else ms / self.predicted_ms - 1.0
        return JudgedLatency(
            ms=ms,
            low_ms=interval_ms[0],
            high_ms=interval_ms[1],
            error=error,
            within_tolerance=None if error is None else abs(error) <= self.tolerance,
            limit_met=None if self.limit_ms is None else ms <= self.limit_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Verdicts on a network's latency as measured (raw) and drift-corrected.

    `drift_corrected` is None where `drift` is unknown (None), or where its estimates disagree by
    more than the correction. `median_ms` and `tail` are the raw figures; None in older files.
    """

    expected: Expected
    measured: JudgedLatency
    drift: SessionDrift | None = None
    drift_corrected: JudgedLatency | None = None
    median_ms: float | None = None
    tail: Tail | None = None

    @property
    def prediction_within_tolerance(self) -> bool | None:
        """Deciding verdict on the prediction: drift-corrected where there is a correction.

        A prediction refers to the predictor's sweep.
        """
        return (self.drift_corrected or self.measured).within_tolerance

    @property
    def failed(self) -> bool:
        """Whether a deciding verdict is negative."""
        return self.prediction_within_tolerance is False or self.limit_met is False

    @property
    def limit_met(self) -> bool | None:
        """Deciding verdict on the limit, for the latency as measured."""
        return self.measured.limit_met

    def to_json(self) -> dict[str, Any]:
        corrected = self.drift_corrected
        return {
            **asdict(self.expected),
            "measured": asdict(self.measured),
            "drift": None if self.drift is None else self.drift.to_json(),
            "drift_corrected": None if corrected is None else asdict(corrected),
            "median_ms": self.median_ms,
            "tail": None if self.tail is None else self.tail.to_json(),
            "prediction_within_tolerance": self.prediction_within_tolerance,
            "limit_met": self.limit_met,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json`'s values and judge them again; `WrongValueError` where one is wrong."""
        values = from_plain(_Values, data, "a verification", other_keys=True)
        expected = from_plain(Expected, data, "a verification", other_keys=True)
        corrected = values.drift_corrected
        return cls(
            expected=expected,
            measured=values.measured.judged_by(expected),
            drift=None if values.drift is None else SessionDrift.from_json(values.drift),
            drift_corrected=None if corrected is None else corrected.judged_by(expected),
            median_ms=values.median_ms,
            tail=None if values.tail is None else Tail.from_json(values.tail),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """What is read of a figure; its verdicts are given again."""

    ms: Positive
    low_ms: Positive
    high_ms: Positive

    def judged_by(self, expected: Expected) -> JudgedLatency:
        return expected.compare(self.ms, (self.low_ms, self.high_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """What is read of a verification, beside `Expected`."""

    measured: _Interval
    drift: dict[str, Any] | None
    drift_corrected: _Interval | None
    median_ms: Positive | None = None
    tail: dict[str, Any] | None = None


def verify(
    measurements: Sequence[Measurement],
    expected: Expected,
    drift: SessionDrift | None = None,
    blocks: Sequence[BlockSpec] | None = None,
) -> Verification:
    """Compare the network of these blocks among `measurements` with the expectations.

    Without `blocks` it is the only network. Raises `InputError` where the prediction is not a
    latency, `DeviceError` where no such network, or several, were measured.
    """
    predicted_ms = expected.predicted_ms
    if predicted_ms is not None and not (math.isfinite(predicted_ms) and predicted_ms > 0):
        raise InputError(f"the predicted latency is {predicted_ms}, expected ms above 0")
    network = _network(measurements, blocks)
    corrected = None
    if drift is not None and drift.applied:
        corrected = _corrected(network, expected, drift.ratio)
    return Verification(
        expected=expected,
        measured=_raw(network, expected),
        drift=drift,
        drift_corrected=corrected,
        median_ms=network.raw_ms,
        tail=network.tail,
    )


def _network(
    measurements: Sequence[Measurement], blocks: Sequence[BlockSpec] | None
) -> Measurement:
    networks = [
        measurement for measurement in measurements if measurement.workload.role == "network"
    ]
    if blocks is not None:
        networks = [
            measurement for measurement in networks if measurement.workload.blocks == tuple(blocks)
        ]
    if len(networks) != 1:
        raise DeviceError(f"the device measured {len(networks)} networks, expected 1; run it again")
    return networks[0]


def _raw(network: Measurement, expected: Expected) -> JudgedLatency:
    """Return the latency as measured, with its verdicts."""
    if expected.statistic == P90:
        tail = network.tail
        return expected.compare(tail.p90_ms, (tail.low_ms, tail.high_ms))
    return expected.compare(network.raw_ms, network.raw_interval_ms)


def _corrected(network: Measurement, expected: Expected, ratio: float) -> JudgedLatency:
    """Return the latency corrected for drift in the session and since the sweep, with verdicts."""
    ms, (low_ms, high_ms) = network.median_ms, network.interval_ms
    if expected.statistic == P90:
        # The tail is corrected like the median: the drift of a single sample is unknown.
        scale, tail = network.median_ms / network.raw_ms, network.tail
        ms, low_ms, high_ms = tail.p90_ms * scale, tail.low_ms * scale, tail.high_ms * scale
    return expected.compare(ms / ratio, (low_ms / ratio, high_ms / ratio))
