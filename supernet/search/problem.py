"""The search problem: a space, accuracies, and limits."""

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
    """What search needs of a `SearchSpace`."""

    @property
    def layout(self) -> Layout: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A cost to be kept low beside accuracy, for a Pareto front; `unit` as of a `Constraint`."""

    name: str
    costs: Costs
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Networks and their figures: `accuracy` (n,) as fractions, `objectives` (n, objectives).

    `excess` (n,) is by how much limits are exceeded, summed as shares of them; 0 within all.
    `fresh` (n,) marks those that this search had not seen before.
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
        """Return the best: first those nearest to the limits, then the most accurate.

        The codes themselves settle ties, so that the order never depends on where it came from.
        """
        keys = [*self.codes.T[::-1], -self.accuracy, self.excess]
        return self.take(np.lexsort(keys)[:n])

    def beats(self, other: "Scored") -> bool:
        """Whether the first is better than the other's: nearer to the limits, or as near and more
        accurate.
        """
        return bool((self.excess[0], -self.accuracy[0]) < (other.excess[0], -other.accuracy[0]))

    def joined(self, *others: "Scored") -> "Scored":
        """Return all of them, in order."""
        parts = (self, *others)
        return Scored(
            codes=np.concatenate([one.codes for one in parts]),
            accuracy=np.concatenate([one.accuracy for one in parts]),
            excess=np.concatenate([one.excess for one in parts]),
            objectives=np.concatenate([one.objectives for one in parts]),
            fresh=np.concatenate([one.fresh for one in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Find the most accurate network of `space` within every constraint.

    With `objectives`, find the front of networks that none is better than in accuracy and all of
    them.
    """

    space: SearchedSpace
    accuracy: Accuracies
    constraints: tuple[Constraint, ...] = ()
    objectives: tuple[Objective, ...] = ()

    @classmethod
    def of(
        cls, space: SearchedSpace, accuracy: Accuracies, constraints: Sequence[Constraint]
    ) -> Self:
        """One network within limits."""
        return cls(space=space, accuracy=accuracy, constraints=tuple(constraints))

    @property
    def layout(self) -> Layout:
        return self.space.layout

    def nothing(self) -> Scored:
        """No networks, of which nothing need be asked."""
        return Scored(
            codes=np.zeros((0, len(self.layout.columns)), dtype=np.int16),
            accuracy=np.zeros(0),
            excess=np.zeros(0),
            objectives=np.zeros((0, len(self.objectives))),
            fresh=np.zeros(0, dtype=np.bool_),
        )

    def score(self, codes: Codes) -> Scored:
        """Work all figures of the codes (n, columns) out, at once."""
        excess = np.zeros(len(codes))
        for limit in self.constraints:
            excess += limit.excess(limit.costs(codes))
        accuracy = np.asarray(self.accuracy(codes), dtype=np.float64)
        objectives = np.zeros((len(codes), len(self.objectives)))
        for place, objective in enumerate(self.objectives):
            objectives[:, place] = objective.costs(codes)
        # A network that cannot run costs infinitely much, which is beyond any limit or none.
        excess[np.isposinf(objectives).any(axis=1)] = np.inf
        if np.isnan(excess).any() or np.isnan(objectives).any() or not np.isfinite(accuracy).all():
            raise InputError("a predictor gave a network a figure that is no number; fit it again")
        return Scored(
            codes=codes,
            accuracy=accuracy,
            excess=excess,
            objectives=objectives,
            fresh=np.ones(len(codes), dtype=np.bool_),
        )

    def extremes(self) -> Codes:
        """Codes of the smallest and the largest network of each resolution."""
        space = self.space
        return space.encode(
            [
                arch
                for resolution in space.resolutions
                for arch in (space.smallest(resolution), space.largest(resolution))
            ]
        )
