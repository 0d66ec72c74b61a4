"""Interface of a space for search and predictors: encoded networks and their columns."""

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
"""Computes the cost of each encoded architecture, in the unit of the limit."""


class CodedSpace(Protocol):
    """The interface of `SearchSpace` that search and accuracy predictors need."""

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
    """Return every block that a network of the space can have."""
    return {
        block for position in space.choices for _, option in position.options for block in option
    }


def column_values(choices: Sequence[Position], columns: int) -> tuple[tuple[int, ...], ...]:
    """Return the possible values of each column of a code, ascending."""
    values: list[set[int]] = [set() for _ in range(columns)]
    for position in choices:
        for option, _ in position.options:
            for column, value in zip(position.columns, option, strict=True):
                values[column].add(int(value))
    return tuple(tuple(sorted(values_of_column)) for values_of_column in values)


@dataclass(frozen=True, slots=True)
class Thermometer:
    """Thermometer encoding: for each column and value but its least, whether it is reached.

    It has the information of a one-hot encoding, but preserves the order of values. `columns` and
    `reached` (features,) are the column and the value of each feature.
    """

    columns: NDArray[np.intp]
    reached: NDArray[np.int16]

    @classmethod
    def of(cls, values: Sequence[Sequence[int]]) -> Self:
        """Return the encoding for the possible values of each column, ascending."""
        pairs = [
            (column, value)
            for column, column_values in enumerate(values)
            for _, value in pairwise(column_values)
        ]
        table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0].astype(np.intp), table[:, 1].astype(np.int16))

    def __call__(self, codes: Codes) -> NDArray[np.float64]:
        """Return features (n, features), 0 or 1, of codes (n, columns)."""
        return (codes.take(self.columns, axis=1) >= self.reached).astype(np.float64)


def thermometer(codes: Codes, values: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Return features (n, features) of codes by the possible values of columns; see Thermometer."""
    return Thermometer.of(values)(codes)
