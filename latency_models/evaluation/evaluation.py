"""Evaluate a latency predictor on measured networks, beside all baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.timing.session_drift import SessionDrift
from latency_models.evaluation.evaluate import (
    Evaluation,
    Repeatability,
    best_constant,
    evaluate,
    macs_alone,
    repeatability,
)
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.vectorized.lookup_arrays import Floats, Position
from latency_models.vectorized.packed_codes import Codes
from latency_models.vectorized.vectorized_cost import compile_sum
from latency_models.vectorized.vectorized_predictor import (
    compile_spread,
    extrapolation_cost,
    macs_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorEvaluation:
    """Metrics of a predictor and of the baselines to compare it with."""

    predicted_ms: Floats
    model: Evaluation
    drift: SessionDrift | None  # between the fit's measurements and these, if known
    drift_corrected: Evaluation | None  # the predictor's metrics on drift-corrected latencies
    plain_sum: Evaluation | None  # sum of warm blocks; None where no block was measured
    best_constant: Evaluation
    macs_alone: Evaluation
    macs_fitted_on: str  # "training networks", or "judged networks", which favours it
    repeatability: Repeatability | None
    unmeasured: float  # share of the networks with a block that has no table entry
    extrapolated: float  # share of the networks with a block outside the measured domain
    covered_95: float | None  # share within 1.96 standard deviations of the prediction

    def to_json(self) -> dict[str, Any]:
        return {
            **self.model.to_json(),
            "drift": self.drift and self.drift.to_json(),
            "drift_corrected": self.drift_corrected and self.drift_corrected.to_json(),
            "plain_sum": self.plain_sum and self.plain_sum.to_json(),
            "best_constant": {**self.best_constant.to_json(), "fitted_on": "judged networks"},
            "macs_alone": {**self.macs_alone.to_json(), "fitted_on": self.macs_fitted_on},
            "repeatability": self.repeatability and self.repeatability.to_json(),
            "unmeasured": self.unmeasured,
            "extrapolated": self.extrapolated,
            "covered_95": self.covered_95,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredNetworks:
    """Measured latencies of networks in ms (n,).

    `spread` (n,) are their relative half-widths; `drift` is the drift since the measurements that
    the predictor was fitted on.
    """

    ms: Floats
    spread: Floats | None = None
    drift: SessionDrift | None = None

    @property
    def drift_corrected_ms(self) -> Floats | None:
        """Drift-corrected latencies in ms (n,); None where drift is not corrected."""
        if self.drift is None or not self.drift.applied:
            return None
        return self.ms / self.drift.ratio


def evaluate_predictor(
    predictor: LatencyPredictor,
    choices: Sequence[Position],
    codes: Codes,
    measured: MeasuredNetworks,
) -> PredictorEvaluation:
    """Evaluate on encoded networks (n, columns) and their measured latencies."""

    def warm(specs: Sequence[BlockSpec]) -> Floats:
        return predictor.alone_ms(specs)[0]

    def unknown(specs: Sequence[BlockSpec]) -> Floats:
        return np.array([spec not in predictor.known for spec in specs], dtype=np.float64)

    outside = extrapolation_cost(predictor)
    measured_ms, spread = measured.ms, measured.spread
    corrected_ms = measured.drift_corrected_ms
    spreads = compile_spread(predictor, choices)
    predicted, std_ms = spreads.predict(codes)
    covered = np.mean(np.abs(predicted - measured_ms) <= 1.96 * std_ms)
    macs = compile_sum(macs_of, choices).total(codes)
    line = predictor.provenance.get("macs_line")
    plain = evaluate(compile_sum(warm, choices).total(codes), measured_ms)
    return PredictorEvaluation(
        predicted_ms=predicted,
        model=evaluate(predicted, measured_ms),
        drift=measured.drift,
        drift_corrected=None if corrected_ms is None else evaluate(predicted, corrected_ms),
        plain_sum=plain if predictor.known else None,
        best_constant=best_constant(measured_ms),
        macs_alone=macs_alone(macs, measured_ms, tuple(line) if line else None),
        macs_fitted_on="training networks" if line else "judged networks",
        repeatability=None if spread is None else repeatability(spread),
        unmeasured=float(np.mean(compile_sum(unknown, choices).total(codes) > 0)),
        extrapolated=float(np.mean(compile_sum(outside, choices).total(codes) > 0)),
        covered_95=float(covered) if std_ms.any() else None,
    )
