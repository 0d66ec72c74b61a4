"""Latency predictor compiled for a space: predicts many networks by array lookups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.blocks.spec import BlockSpec
from latency_models.networks.network_calibration import NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.vectorized.lookup_arrays import CostOf, Floats, Position
from latency_models.vectorized.packed_codes import Codes
from latency_models.vectorized.vectorized_cost import VectorizedCost, compile_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorizedLatency:
    """Latency of encoded networks; equals `LatencyPredictor.predict` within 1e-6."""

    costs: VectorizedCost
    composition: NetworkCalibration

    def predict(self, codes: Codes) -> Floats:
        """Return latencies in ms (n,) of codes (n, columns); `InputError` for invalid codes."""
        return self.composition.link(self.costs.total(codes))


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorizedSpread:
    """Latency and its standard deviation of encoded networks, as `Prediction.std_ms`."""

    latency: VectorizedLatency
    variance: VectorizedCost | None  # None where it is 0 for all blocks

    def std_ms(self, codes: Codes) -> Floats:
        """Return standard deviations in ms (n,) of codes (n, columns)."""
        return self.predict(codes)[1]

    def predict(self, codes: Codes) -> tuple[Floats, Floats]:
        """Return latencies and standard deviations in ms, both (n,), of codes (n, columns)."""
        ms = self.latency.predict(codes)
        variance = np.zeros(len(ms)) if self.variance is None else self.variance.total(codes)
        return ms, self.latency.composition.std_ms(ms, variance)


def compile_spread(predictor: LatencyPredictor, choices: Sequence[Position]) -> VectorizedSpread:
    """Compile latency and variance of every option of every position."""
    variance = compile_sum(predictor.block_variance, choices)
    return VectorizedSpread(
        latency=compile_latency(predictor, choices),
        variance=None if variance.is_zero else variance,
    )


def compile_latency(predictor: LatencyPredictor, choices: Sequence[Position]) -> VectorizedLatency:
    """Compile the latency of every option of every position."""
    costs = compile_sum(predictor.block_ms, choices)
    return VectorizedLatency(costs=costs, composition=predictor.composition)


def extrapolation_cost(predictor: LatencyPredictor) -> CostOf:
    """Return a cost for `compile_sum`: 1 for blocks outside the predictor's domain, else 0."""

    def count(specs: Sequence[BlockSpec]) -> Floats:
        return np.array([spec not in predictor.domain for spec in specs], dtype=np.float64)

    return count


def macs_of(specs: Sequence[BlockSpec]) -> Floats:
    """Return the multiply-accumulates of each block, for `compile_sum`."""
    return np.array([spec.macs for spec in specs], dtype=np.float64)
