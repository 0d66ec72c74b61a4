"""Search problem: a space, accuracies, and limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.constraints.constraints import CodedSpace, Constraint, Costs
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Accuracies = Callable[[Codes], Floats]


class SearchedSpace(CodedSpace, Protocol):
    """The interface of `SearchSpace` that search needs."""

    @property
    def layout(self) -> Layout: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Cost to minimise beside accuracy, for a Pareto front; `unit` as in `Constraint`."""

    name: str
    costs: Costs
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Networks and their figures: `accuracy` (n,) as fractions, `objectives` (n, objectives).

    `excess` (n,) is the sum of excesses relative to the limits, 0 within all limits. `fresh` (n,)
    marks networks that this search had not evaluated before.
    """

    codes: Codes
    accuracy: Floats
    excess: Floats
    objectives: Floats
    fresh: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: "Rows | NDArray[np.bool_]") -> "Scored":
        """Return only these rows."""
        return Scored(
            codes=self.codes[rows],
            accuracy=self.accuracy[rows],
            excess=self.excess[rows],
            objectives=self.objectives[rows],
            fresh=self.fresh[rows],
        )

    def top(self, n: int) -> "Scored":
        """Return the `n` best: those with the least excess, then the most accurate.

        Ties are broken by the codes, so that the order is deterministic.
        """
        keys = [*self.codes.T[::-1], -self.accuracy, self.excess]
        return self.take(np.lexsort(keys)[:n])

    def beats(self, other: "Scored") -> bool:
        """Return whether its first network has less excess, or equal excess and higher accuracy."""
        return bool((self.excess[0], -self.accuracy[0]) < (other.excess[0], -other.accuracy[0]))

    def joined(self, *others: "Scored") -> "Scored":
        """Concatenate them in order."""
        parts = (self, *others)
        return Scored(
            codes=np.concatenate([part.codes for part in parts]),
            accuracy=np.concatenate([part.accuracy for part in parts]),
            excess=np.concatenate([part.excess for part in parts]),
            objectives=np.concatenate([part.objectives for part in parts]),
            fresh=np.concatenate([part.fresh for part in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Find the most accurate network of `space` within every constraint.

    With `objectives`, find the Pareto front of accuracy and the objectives.
    """

    space: SearchedSpace
    accuracy: Accuracies
    constraints: tuple[Constraint, ...] = ()
    objectives: tuple[Objective, ...] = ()

    @classmethod
    def of(
        cls, space: SearchedSpace, accuracy: Accuracies, constraints: Sequence[Constraint]
    ) -> Self:
        """Return the problem of one network within limits."""
        return cls(space=space, accuracy=accuracy, constraints=tuple(constraints))

    @property
    def layout(self) -> Layout:
        return self.space.layout

    def nothing(self) -> Scored:
        """Return the figures of no network."""
        return Scored(
            codes=np.zeros((0, len(self.layout.columns)), dtype=np.int16),
            accuracy=np.zeros(0),
            excess=np.zeros(0),
            objectives=np.zeros((0, len(self.objectives))),
            fresh=np.zeros(0, dtype=np.bool_),
        )

    def score(self, codes: Codes) -> Scored:
        """Compute all figures of the codes (n, columns)."""
        excess = np.zeros(len(codes))
        for limit in self.constraints:
            excess += limit.excess(limit.costs(codes))
        accuracy = np.asarray(self.accuracy(codes), dtype=np.float64)
        objectives = np.zeros((len(codes), len(self.objectives)))
        for index, objective in enumerate(self.objectives):
            objectives[:, index] = objective.costs(codes)
        # A network that cannot run has infinite cost, which is infeasible even without a limit.
        excess[np.isposinf(objectives).any(axis=1)] = np.inf
        if np.isnan(excess).any() or np.isnan(objectives).any() or not np.isfinite(accuracy).all():
            raise InputError(
                "a predictor gave a network a figure that is not a number; fit it again"
            )
        return Scored(
            codes=codes,
            accuracy=accuracy,
            excess=excess,
            objectives=objectives,
            fresh=np.ones(len(codes), dtype=np.bool_),
        )

    def extremes(self) -> Codes:
        """Return codes of the smallest and the largest network of each resolution."""
        space = self.space
        return space.encode(
            [
                arch
                for resolution in space.resolutions
                for arch in (space.smallest(resolution), space.largest(resolution))
            ]
        )
