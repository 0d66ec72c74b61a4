"""What search and predictors need of a space: encoded networks, and what their columns may have."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.spec import BlockSpec
from supernet.arch import ArchConfig
from supernet.codes import Codes
from supernet.units import Position

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
