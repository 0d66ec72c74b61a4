"""A predictor compiled for a space: a population costs a few gathers, no Python loop over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.blocks.spec import BlockSpec
from latency_models.networks.compose import Composition
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.vectorized.dense_cost import DenseCost, compile_sum
from latency_models.vectorized.gathers import CostOf, Floats, Position
from latency_models.vectorized.words import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLatency:
    """Latency of encoded networks; equal to `LatencyPredictor.predict` to 1e-6."""

    costs: DenseCost
    composition: Composition

    def predict(self, codes: Codes) -> Floats:
        """Latencies in ms (n,) of codes (n, columns); `InputError` for codes outside the space."""
        return self.composition.link(self.costs.total(codes))


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSpread:
    """Standard deviation of the latency of encoded networks, as `Prediction.std_ms`."""

    latency: DenseLatency
    variance: DenseCost | None  # None where no block has any

    def std_ms(self, codes: Codes) -> Floats:
        """Standard deviations in ms (n,) of codes (n, columns)."""
        return self.predict(codes)[1]

    def predict(self, codes: Codes) -> tuple[Floats, Floats]:
        """Latencies and their standard deviations in ms, both (n,), of codes (n, columns)."""
        ms = self.latency.predict(codes)
        variance = np.zeros(len(ms)) if self.variance is None else self.variance.total(codes)
        return ms, self.latency.composition.std_ms(ms, variance)


def compile_spread(predictor: LatencyPredictor, choices: Sequence[Position]) -> DenseSpread:
    """Latency and variance of every option of every position, as arrays."""
    variance = compile_sum(predictor.block_variance, choices)
    return DenseSpread(
        latency=compile_dense(predictor, choices),
        variance=None if variance.is_zero else variance,
    )


def compile_dense(predictor: LatencyPredictor, choices: Sequence[Position]) -> DenseLatency:
    """Cost every option of every position once, as arrays."""
    costs = compile_sum(predictor.block_ms, choices)
    return DenseLatency(costs=costs, composition=predictor.composition)


def extrapolated_of(predictor: LatencyPredictor) -> CostOf:
    """1 for each block outside the predictor's domain, for `compile_sum`; 0 for the others."""

    def count(specs: Sequence[BlockSpec]) -> Floats:
        return np.array([spec not in predictor.domain for spec in specs], dtype=np.float64)

    return count


def macs_of(specs: Sequence[BlockSpec]) -> Floats:
    """Multiply-accumulates of each block, for `compile_sum`."""
    return np.array([spec.macs for spec in specs], dtype=np.float64)
