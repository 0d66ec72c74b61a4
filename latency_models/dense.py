"""A predictor compiled for a space: a population costs a few gathers, no Python loop over it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.spec import BlockSpec
from latency_models.compose import Composition
from latency_models.predictors import LatencyPredictor

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]
_NETWORKS_AT_ONCE = 16384  # so that indices stay in the nearest caches


class Position(Protocol):
    """One place of a network: the columns of the encoding that decide it, and its choices."""

    @property
    def columns(self) -> Sequence[int]:
        """Columns of the codes."""
        ...

    @property
    def options(self) -> Sequence[tuple[tuple[int, ...], tuple[BlockSpec, ...]]]:
        """Values of those columns, and the blocks which they stand for (none: absent)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gather:
    """Costs of one position, and for each of its columns what a code adds to the index."""

    columns: tuple[int, ...]
    steps: tuple[NDArray[np.int32], ...]
    costs: Floats  # NaN where no option has these values


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSum:
    """Sum over a network's blocks of a figure that each block has by itself."""

    width: int  # columns of the encoding that are looked at, at least
    gathers: tuple[_Gather, ...]

    def total(self, codes: Codes) -> Floats:
        """Sums (n,) for codes (n, columns); `InputError` for codes outside the space."""
        if codes.ndim != 2 or codes.shape[1] < self.width:
            raise InputError(
                f"codes have shape {codes.shape}, expected (networks, {self.width} or more)"
            )
        total = np.empty(len(codes))
        for start in range(0, len(codes), _NETWORKS_AT_ONCE):
            part = slice(start, start + _NETWORKS_AT_ONCE)
            total[part] = self._sum(codes[part])
        return total

    def _sum(self, codes: Codes) -> Floats:
        # As unsigned numbers, so that a negative code is out of range and not counted from the end.
        by_column = np.ascontiguousarray(codes.T, dtype=np.int16).view(np.uint16)
        total = np.zeros(len(codes))
        try:
            for gather in self.gathers:
                index = gather.steps[0][by_column[gather.columns[0]]]
                for column, steps in zip(gather.columns[1:], gather.steps[1:], strict=True):
                    index += steps[by_column[column]]
                total += gather.costs[index]
        except IndexError as error:
            raise InputError(
                f"a code is outside the space ({error}): encode with the same space"
            ) from error
        if np.isnan(total).any():
            row = int(np.flatnonzero(np.isnan(total))[0])
            raise InputError(f"codes {codes[row].tolist()} are no network of the space")
        return total


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


def compile_sum(
    cost_of: Callable[[Sequence[BlockSpec]], Floats], choices: Sequence[Position]
) -> DenseSum:
    """Arrays for any figure of a block: latency, MACs, parameters, being extrapolated."""
    gathers = tuple(_compile(cost_of, position) for position in choices)
    width = 1 + max((max(position.columns) for position in choices), default=-1)
    return DenseSum(width=width, gathers=gathers)


def macs_of(specs: Sequence[BlockSpec]) -> Floats:
    """Multiply-accumulates of each block, for `compile_sum`."""
    return np.array([spec.macs for spec in specs], dtype=np.float64)


def _compile(cost_of: Callable[[Sequence[BlockSpec]], Floats], position: Position) -> _Gather:
    values = np.array([value for value, _ in position.options], dtype=np.int64)
    if values.min() < 0:
        raise InputError(f"codes are 0 or more, got {values.min()} in the options of a position")
    blocks = [block for _, blocks in position.options for block in blocks]
    owner = np.repeat(np.arange(len(values)), [len(blocks) for _, blocks in position.options])
    costs = np.bincount(owner, weights=cost_of(blocks), minlength=len(values))
    steps, stride = [], 1
    for column in range(values.shape[1]):
        seen, place = np.unique(values[:, column], return_inverse=True)
        # A value that never occurs leads to the NaN at the end, whatever the other columns say.
        steps.append((seen, place * stride, stride))
        stride *= len(seen)
    flat = np.full(stride * 2, np.nan)
    flat[sum(place for _, place, _ in steps)] = costs
    return _Gather(
        columns=tuple(position.columns),
        steps=tuple(_lookup(seen, step, stride) for seen, _, step in steps),
        costs=flat,
    )


def _lookup(seen: NDArray[np.int64], step: int, absent: int) -> NDArray[np.int32]:
    table = np.full(int(seen.max()) + 1, absent, dtype=np.int32)
    table[seen] = np.arange(len(seen)) * step
    return table
