"""The interface of a space for search and predictors: encoded networks and their columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from supernet.space.arch import ArchConfig
from supernet.space.codes import Codes
from supernet.space.shared_blocks import Position

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


def blocks_of(space: CodedSpace) -> set[BlockSpec]:
    """Every block that a network of the space can have."""
    return {
        block for position in space.choices for _, option in position.options for block in option
    }


def column_values(choices: Sequence[Position], columns: int) -> tuple[tuple[int, ...], ...]:
    """Which values each column of a code may have, ascending."""
    values: list[set[int]] = [set() for _ in range(columns)]
    for position in choices:
        for option, _ in position.options:
            for column, value in zip(position.columns, option, strict=True):
                values[column].add(int(value))
    return tuple(tuple(sorted(of_column)) for of_column in values)


@dataclass(frozen=True, slots=True)
class Thermometer:
    """Features of codes: for each column and each value but its least, whether it is reached.

    As much as one-hot tells, but neighbouring values stay neighbours. `columns` and `reached`
    (features,) are the column and the value of each feature.
    """

    columns: NDArray[np.intp]
    reached: NDArray[np.int16]

    @classmethod
    def of(cls, values: Sequence[Sequence[int]]) -> Self:
        """Of the values that each column may have, ascending."""
        pairs = [
            (column, value)
            for column, of_column in enumerate(values)
            for _, value in pairwise(of_column)
        ]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0].astype(np.intp), table[:, 1].astype(np.int16))

    def __call__(self, codes: Codes) -> NDArray[np.float64]:
        """Features (n, features), 0 or 1, of codes (n, columns)."""
        return (codes.take(self.columns, axis=1) >= self.reached).astype(np.float64)


def thermometer(codes: Codes, values: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Features (n, features) of codes by the values that each column may have; see Thermometer."""
    return Thermometer.of(values)(codes)
