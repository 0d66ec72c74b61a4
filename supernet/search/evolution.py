"""Evolutionary search: mutation, crossover, and selection of the best of all.

By default it is guided: its first networks, and each better one that it comes upon, are climbed
from by exact optima of accuracy's own one-choice changes (`local_search`), so that chance
is left only what interactions hide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from bench.errors import InputError
from supernet.search.archive import first_of_each
from supernet.search.local_search import LocalSearch
from supernet.search.problem import Problem, Scored
from supernet.search.strategy import Proposals
from supernet.space.codes import Codes

_SIZES = 5  # resolutions that are climbed at, before any other may be chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution:
    """How it goes: a quarter of each population are parents, half of it their mutants.

    A mutation draws a choice anew with probability `mutation`. `climbs` is how many networks are
    climbed from after the best of a few resolutions: mutants of the best so far, in which a choice
    is drawn anew with probability `kick`; later, each better network and a child of `every` so
    many generations. With 0 it is evolution alone.
    """

    name: ClassVar[str] = "evolution"

    population: int = 100
    parents: float = 0.25
    mutants: float = 0.5
    mutation: float = 0.1
    climbs: int = 32
    kick: float = 0.3
    every: int = 2

    def __post_init__(self) -> None:
        if self.population < 4:
            raise InputError(f"a population is at least 4 networks, got {self.population}")
        if self.climbs < 0:
            raise InputError(f"climbs are 0 or more, got {self.climbs}")

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Begin with random networks, and the smallest and the largest of each resolution."""
        random = problem.layout.sample(rng, self.population)
        ranked = yield np.concatenate([problem.extremes(), random])
        ranked = ranked.take(first_of_each(ranked)).top(self.population)
        guide = LocalSearch.of(problem) if self.climbs else None
        if guide is not None:
            for start in _best_of_sizes(ranked, problem.space.resolutions):
                ranked = self._with(ranked, (yield from guide.climb(start, hold=True)))
            for _ in range(self.climbs if _is_worth(guide, ranked) else 0):
                start = yield problem.layout.mutate(ranked.codes[:1], rng, self.kick)
                ranked = self._with(ranked, (yield from guide.climb(start)))
        for generation in count(1):
            children = yield self._children(problem, ranked, rng)
            before, ranked = ranked, self._with(ranked, children.take(children.fresh))
            better = ranked.codes[0].tobytes() != before.codes[0].tobytes()
            if guide is None or not _is_worth(guide, ranked):
                continue
            if better or generation % self.every == 0:
                start = ranked if better else children
                ranked = self._with(ranked, (yield from guide.climb(start.take(np.array([0])))))

    def _with(self, ranked: Scored, more: Scored) -> Scored:
        together = ranked.joined(more)
        return together.take(first_of_each(together)).top(self.population)

    def _children(self, problem: Problem, ranked: Scored, rng: np.random.Generator) -> Codes:
        layout = problem.layout
        parents = ranked.codes[: max(2, round(self.parents * self.population))]
        mutants = round(self.mutants * self.population)
        chosen = parents[rng.integers(len(parents), size=mutants)]
        mutated = layout.mutate(chosen, rng, self.mutation)
        pairs = rng.integers(len(parents), size=(2, self.population - mutants))
        crossed = layout.cross(parents[pairs[0]], parents[pairs[1]], rng)
        return np.concatenate([mutated, crossed])


def _is_worth(guide: LocalSearch, ranked: Scored) -> bool:
    """Whether to climb on: where no sum led within the limits, none will."""
    return not guide.sums.is_exact or not ranked.excess[0] > 0


def _best_of_sizes(ranked: Scored, resolutions: Sequence[int]) -> list[Scored]:
    """The best network of each of a few resolutions, spread over all that there are."""
    places = np.linspace(0, len(resolutions) - 1, min(len(resolutions), _SIZES)).round()
    wanted = [resolutions[int(place)] for place in places]
    rows = [np.flatnonzero(ranked.codes[:, 0] == resolution)[:1] for resolution in wanted]
    return [ranked.take(row) for row in rows if len(row)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularisedEvolution:
    """Evolution in which the oldest dies, whatever it was worth (Real et al., AAAI 2019).

    Each of `children` networks a step is a mutant of the best of `sample` drawn from the
    population; as many of the oldest leave it.
    """

    name: ClassVar[str] = "regularised"

    population: int = 100
    sample: int = 25
    children: int = 20
    mutation: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.sample <= self.population:
            raise InputError(
                f"a sample is 1 to {self.population} networks, the population, got {self.sample}"
            )
        if not 1 <= self.children <= self.population:
            raise InputError(
                f"children of a step are 1 to {self.population}, the population, "
                f"got {self.children}"
            )

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Begin with random networks."""
        living = yield problem.layout.sample(rng, self.population)
        while True:
            drawn = rng.integers(len(living), size=(self.children, self.sample))
            order = np.lexsort([-living.accuracy, living.excess])
            rank = np.empty(len(order), dtype=np.intp)
            rank[order] = np.arange(len(order))
            parents = drawn[np.arange(self.children), rank[drawn].argmin(axis=1)]
            children = yield problem.layout.mutate(living.codes[parents], rng, self.mutation)
            living = living.joined(children).take(
                np.arange(len(children), len(living) + len(children))
            )
