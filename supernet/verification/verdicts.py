"""The verdicts on a measured network: its prediction within tolerance, its limit met.

A limit is judged by the latency as measured (raw), as a user will have it. A prediction is on the
scale of the predictor's own sweep, so it is judged by the drift-corrected latency where drift can
be corrected, else by the latency as measured. Both latencies have both verdicts.

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

    `tolerance` is the share of the prediction by which a latency may differ from it. `statistic`
    says what of the samples both are of: the median, or `p90`.
    """

    predicted_ms: Positive | None = None
    limit_ms: Positive | None = None
    tolerance: Positive = 0.1
    statistic: str = MEDIAN

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
    estimates disagree by more than it would correct. `median_ms` and `tail` are the raw figures,
    whichever is judged; None in files of an older ofabench.
    """

    expected: Expected
    measured: Figure
    drift: SessionDrift | None = None
    drift_corrected: Figure | None = None
    median_ms: float | None = None
    tail: Tail | None = None

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

    def judged_by(self, expected: Expected) -> Figure:
        return expected.judge(self.ms, (self.low_ms, self.high_ms))


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
    """Judge the network of these blocks among `measurements` by what was expected of it.

    Without `blocks` it is the only network. `InputError` where the prediction is no latency,
    `DeviceError` where not one such network was measured.
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
    networks = [one for one in measurements if one.workload.role == "network"]
    if blocks is not None:
        networks = [one for one in networks if one.workload.blocks == tuple(blocks)]
    if len(networks) != 1:
        raise DeviceError(f"the device measured {len(networks)} networks, expected 1; run it again")
    return networks[0]


def _raw(network: Measurement, expected: Expected) -> Figure:
    """The latency as measured, judged."""
    if expected.statistic == P90:
        tail = network.tail
        return expected.judge(tail.p90_ms, (tail.low_ms, tail.high_ms))
    return expected.judge(network.raw_ms, network.raw_interval_ms)


def _corrected(network: Measurement, expected: Expected, ratio: float) -> Figure:
    """The latency drift-corrected, within its session and since the sweep, judged."""
    ms, (low_ms, high_ms) = network.median_ms, network.interval_ms
    if expected.statistic == P90:
        # A tail drifts as its median does: the drift of a single sample is not known.
        scale, tail = network.median_ms / network.raw_ms, network.tail
        ms, low_ms, high_ms = tail.p90_ms * scale, tail.low_ms * scale, tail.high_ms * scale
    return expected.judge(ms / ratio, (low_ms / ratio, high_ms / ratio))
