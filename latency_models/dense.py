"""A predictor compiled for a space: a population costs a few gathers, no Python loop over it."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from bench.errors import InputError
from bench.spec import BlockSpec
from latency_models.compose import Composition
from latency_models.gathers import CostOf, Floats, Gathers, Position, compile_gathers
from latency_models.predictors import LatencyPredictor
from latency_models.words import Codes

# Large enough that threads seldom wait for the interpreter's lock between numpy's calls, small
# enough for the caches. Seen, in million networks a second by one and two threads: with 8192
# 22 and 16, with 65536 26 and 35, with 131072 23 and 35.
_NETWORKS_AT_ONCE = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSum:
    """Sum over a network's blocks of a figure that each block has by itself."""

    gathers: Gathers

    def total(self, codes: Codes) -> Floats:
        """Sums (n,) for codes (n, columns); `InputError` for codes outside the space.

        Large populations are shared among threads: numpy lets go of the interpreter's lock.
        """
        width = self.gathers.width
        if codes.ndim != 2 or codes.shape[1] < width:
            raise InputError(
                f"codes have shape {codes.shape}, expected (networks, {width} or more)"
            )
        codes = np.ascontiguousarray(codes, dtype="<i2")
        total = np.zeros(len(codes))

        def add(start: int) -> None:
            part = slice(start, start + _NETWORKS_AT_ONCE)
            if not self.gathers.sum_into(total[part], codes[part]):
                self._tell_first(codes[part])

        starts = range(0, len(codes), _NETWORKS_AT_ONCE)
        with ThreadPoolExecutor(_cores()) if len(starts) > 1 else nullcontext() as pool:
            list(map(add, starts) if pool is None else pool.map(add, starts))
        return total

    def _tell_first(self, codes: Codes) -> None:
        """Raise `InputError` for the first of these codes that is of no network."""
        while len(codes) > 1:
            half = len(codes) // 2
            clean = self.gathers.sum_into(np.zeros(half), codes[:half])
            codes = codes[half:] if clean else codes[:half]
        raise InputError(
            f"codes {codes[0].tolist()} are no network of the space: encode with the same space"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLatency:
    """Latency of encoded networks; equal to `LatencyPredictor.predict` to 1e-6."""

    costs: DenseSum
    composition: Composition

    def predict(self, codes: Codes) -> Floats:
        """Latencies in ms (n,) of codes (n, columns); `InputError` for codes outside the space."""
        return self.composition.link(self.costs.total(codes))


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSpread:
    """Standard deviation of the latency of encoded networks, as `Prediction.std_ms`."""

    latency: DenseLatency
    variance: DenseSum

    def std_ms(self, codes: Codes) -> Floats:
        """Standard deviations in ms (n,) of codes (n, columns)."""
        ms, variance = self.latency.predict(codes), self.variance.total(codes)
        return self.latency.composition.std_ms(ms, variance)


def compile_spread(predictor: LatencyPredictor, choices: Sequence[Position]) -> DenseSpread:
    """Latency and variance of every option of every position, as arrays."""
    return DenseSpread(
        latency=compile_dense(predictor, choices),
        variance=compile_sum(predictor.block_variance, choices),
    )


def compile_dense(predictor: LatencyPredictor, choices: Sequence[Position]) -> DenseLatency:
    """Cost every option of every position once, as arrays."""
    costs = compile_sum(predictor.block_ms, choices)
    return DenseLatency(costs=costs, composition=predictor.composition)


def compile_sum(cost_of: CostOf, choices: Sequence[Position]) -> DenseSum:
    """Arrays for any figure of a block: latency, MACs, parameters, being extrapolated."""
    return DenseSum(gathers=compile_gathers(cost_of, choices))


def extrapolated_of(predictor: LatencyPredictor) -> CostOf:
    """1 for each block outside the predictor's domain, for `compile_sum`; 0 for the others."""

    def count(specs: Sequence[BlockSpec]) -> Floats:
        return np.array([spec not in predictor.domain for spec in specs], dtype=np.float64)

    return count


def macs_of(specs: Sequence[BlockSpec]) -> Floats:
    """Multiply-accumulates of each block, for `compile_sum`."""
    return np.array([spec.macs for spec in specs], dtype=np.float64)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
