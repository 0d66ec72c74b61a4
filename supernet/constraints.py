"""Limits on what a network may cost, for whole populations of codes at a time.

MACs and parameters come from the blocks themselves, through the positions that a space offers:
each position's cost is looked up by the few columns that decide it, so that a million networks
are a few gathers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.spec import BlockSpec
from supernet.arch import ArchConfig
from supernet.codes import Codes
from supernet.units import Position

if TYPE_CHECKING:
    from latency_models.predictors import LatencyPredictor

EXTRAPOLATED = "extrapolated on"
Costs = Callable[[Codes], NDArray[np.float64]]
"""What each encoded architecture costs, in the limit's own unit."""


class CodedSpace(Protocol):
    """What search and the accuracy predictor need of a `SearchSpace`."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def choices(self) -> Sequence[Position]: ...

    def decode(self, codes: Codes, /) -> list[ArchConfig]: ...

    @property
    def resolutions(self) -> Sequence[int]: ...

    def smallest(self, resolution: int, /) -> ArchConfig: ...

    def largest(self, resolution: int, /) -> ArchConfig: ...

    def encode(self, archs: Sequence[ArchConfig], /) -> Codes: ...

    def sample_codes(self, rng: np.random.Generator, n: int, /) -> Codes: ...

    def mutate_codes(self, codes: Codes, rng: np.random.Generator, p: float, /) -> Codes: ...

    def crossover_codes(self, a: Codes, b: Codes, rng: np.random.Generator, /) -> Codes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A limit: `costs(codes)` must stay at or below `limit`.

    `name` is a target's key, "macs" or "params"; `unit` is what a person reads after a figure,
    `hint` what to do where nothing meets the limit.
    """

    name: str
    costs: Costs
    limit: float
    unit: str
    hint: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise InputError(
                f"the limit on {self.name} is {self.limit}, expected a number above 0 ({self.unit})"
            )

    def excess(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """By what share of the limit each cost is above it; 0 within it."""
        return np.maximum(costs / self.limit - 1.0, 0.0)


def macs(choices: Sequence[Position]) -> Costs:
    """Multiply-accumulates of encoded networks at batch 1."""
    return SummedCost(choices, lambda block: float(block.macs))


def params(choices: Sequence[Position]) -> Costs:
    """Trainable parameters of encoded networks."""
    return SummedCost(choices, lambda block: float(block.params))


def latency(space: CodedSpace, predictor: "LatencyPredictor", max_ms: float) -> Constraint:
    """Limit of `max_ms` on the predictor's target; `InputError` if it is of another space."""
    from latency_models.dense import compile_dense

    blocks = _blocks_of(space)
    shared = sum(block in blocks for block in predictor.known)
    # Spaces of one family share a few blocks; all that a sweep of this space knows is its own.
    if 2 * shared < len(predictor.known):
        raise InputError(
            f"the latency predictor of {predictor.target.key} knows {len(predictor.known)} blocks, "
            f"of which the space {space.name} has {shared}: it is of another space; sweep "
            f"{space.name} on the device and fit again"
        )
    costs = compile_dense(predictor, space.choices).predict
    return Constraint(name=predictor.target.key, costs=costs, limit=max_ms, unit="ms")


def measured(space: CodedSpace, predictor: "LatencyPredictor") -> Constraint | None:
    """Limit to networks that the predictor need not guess; None where it guesses none.

    Outside its domain a predictor is least true, and a search goes where it is too low.
    """
    from latency_models.dense import compile_sum, extrapolated_of

    count = extrapolated_of(predictor)
    if not count(list(_blocks_of(space))).any():
        return None
    costs = compile_sum(count, space.choices).total
    name = f"{EXTRAPOLATED} {predictor.target.key}"
    hint = "measure those, or search them too by --allow-extrapolated"
    return Constraint(name=name, costs=costs, limit=0.5, unit="blocks", hint=hint)


def _blocks_of(space: CodedSpace) -> set[BlockSpec]:
    return {
        block for position in space.choices for _, option in position.options for block in option
    }


class SummedCost:
    """A cost that adds up over blocks, for codes of shape (n, columns)."""

    def __init__(self, choices: Sequence[Position], cost_of: Callable[[BlockSpec], float]) -> None:
        self._parts = [_PositionCost(position, cost_of) for position in choices]

    def __call__(self, codes: Codes) -> NDArray[np.float64]:
        total = np.zeros(len(codes))
        for part in self._parts:
            total += part(codes)
        return total


class _PositionCost:
    """One position's costs, laid out so that a code's columns are an index."""

    def __init__(self, position: Position, cost_of: Callable[[BlockSpec], float]) -> None:
        self._columns = np.asarray(position.columns, dtype=np.intp)
        values = np.array([option[0] for option in position.options], dtype=np.int64)
        self._levels = [np.unique(column) for column in values.T]
        shape = [len(levels) for levels in self._levels]
        self._table = np.full(shape or [1], np.nan)
        for option, blocks in position.options:
            place = tuple(
                int(np.searchsorted(levels, value))
                for levels, value in zip(self._levels, option, strict=True)
            )
            self._table[place or (0,)] = sum(cost_of(block) for block in blocks)

    def __call__(self, codes: Codes) -> NDArray[np.float64]:
        if not self._levels:
            return np.full(len(codes), self._table[0])
        places = []
        for column, levels in zip(self._columns, self._levels, strict=True):
            values = codes[:, column]
            place = np.minimum(np.searchsorted(levels, values), len(levels) - 1)
            if not np.array_equal(levels[place], values):
                wrong = values[levels[place] != values][0]
                raise InputError(
                    f"column {column} of a code is {wrong}, expected one of {levels.tolist()}"
                )
            places.append(place)
        costs: NDArray[np.float64] = self._table[tuple(places)]
        if np.isnan(costs).any():
            row = codes[np.isnan(costs)][0]
            raise InputError(f"no network of the space has the code {row.tolist()}")
        return costs


def column_values(choices: Sequence[Position], columns: int) -> tuple[tuple[int, ...], ...]:
    """Which values each column of a code may have, ascending."""
    values: list[set[int]] = [set() for _ in range(columns)]
    for position in choices:
        for option, _ in position.options:
            for column, value in zip(position.columns, option, strict=True):
                values[column].add(int(value))
    return tuple(tuple(sorted(of_column)) for of_column in values)


def thermometer(codes: Codes, values: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Features of codes: for each column and each value but its least, whether it is reached.

    As much as one-hot tells, but neighbouring values stay neighbours. Shape (n, features).
    """
    parts = [
        codes[:, column] >= value
        for column, of_column in enumerate(values)
        for _, value in pairwise(of_column)
    ]
    if not parts:
        return np.zeros((len(codes), 0))
    return np.stack(parts, axis=1).astype(np.float64)
