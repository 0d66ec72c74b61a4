"""A predictor compiled for a space: a population costs a few gathers, no Python loop over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.spec import BlockSpec
from latency_models.compose import Composition
from latency_models.gathers import Codes, CostOf, Floats, Gather, Position, compile_gathers
from latency_models.predictors import LatencyPredictor

_NETWORKS_AT_ONCE = 8192  # codes and indices of so many stay in the second-level cache


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSum:
    """Sum over a network's blocks of a figure that each block has by itself."""

    allowed_bits: NDArray[np.int16]  # of each column of the codes, as far as they are looked at
    gathers: tuple[Gather, ...]

    def total(self, codes: Codes) -> Floats:
        """Sums (n,) for codes (n, columns); `InputError` for codes outside the space."""
        width = len(self.allowed_bits)
        if codes.ndim != 2 or codes.shape[1] < width:
            raise InputError(
                f"codes have shape {codes.shape}, expected (networks, {width} or more)"
            )
        codes = np.ascontiguousarray(codes, dtype="<i2")
        total = np.zeros(len(codes))
        for start in range(0, len(codes), _NETWORKS_AT_ONCE):
            part = slice(start, start + _NETWORKS_AT_ONCE)
            self._sum(codes[part], total[part])
        return total

    def _sum(self, codes: Codes, total: Floats) -> None:
        for gather in self.gathers:
            gather.add_to(total, codes)
        bits = np.bitwise_or.reduce(codes[:, : len(self.allowed_bits)], axis=0)
        known = (bits & ~self.allowed_bits) == 0
        if known.all() and not np.isnan(total).any():
            return
        bad = (codes[:, : len(known)] & ~self.allowed_bits).any(axis=1) | np.isnan(total)
        row = codes[int(np.flatnonzero(bad)[0])].tolist()
        raise InputError(f"codes {row} are no network of the space: encode with the same space")


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLatency:
    """Latency of encoded networks; equal to `LatencyPredictor.predict` to 1e-6."""

    costs: DenseSum
    composition: Composition

    def predict(self, codes: Codes) -> Floats:
        """Latencies in ms (n,) of codes (n, columns); `InputError` for codes outside the space."""
        return self.composition.link(self.costs.total(codes))


def compile_dense(predictor: LatencyPredictor, choices: Sequence[Position]) -> DenseLatency:
    """Cost every option of every position once, as arrays."""
    costs = compile_sum(predictor.block_ms, choices)
    return DenseLatency(costs=costs, composition=predictor.composition)


def compile_sum(cost_of: CostOf, choices: Sequence[Position]) -> DenseSum:
    """Arrays for any figure of a block: latency, MACs, parameters, being extrapolated."""
    allowed, gathers = compile_gathers(cost_of, choices)
    return DenseSum(allowed_bits=allowed, gathers=gathers)


def macs_of(specs: Sequence[BlockSpec]) -> Floats:
    """Multiply-accumulates of each block, for `compile_sum`."""
    return np.array([spec.macs for spec in specs], dtype=np.float64)
