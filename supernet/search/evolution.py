"""Evolutionary search: mutation, crossover, and selection of the best networks.

By default it includes local search: its first networks, and each better one it finds, are climbed
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

_SIZES = 5  # resolutions at which local search starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution:
    """Evolution: a quarter of each population are parents, half are their mutants.

    A mutation redraws a choice with probability `mutation`. After the best networks of a few
    resolutions, local search starts from `climbs` mutants of the best network, in which a choice is
    redrawn with probability `kick`; later, from each better network and from a child every `every`
    generations. With `climbs` 0 there is no local search.
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
        """Start with random networks, and the smallest and the largest of each resolution."""
        random = problem.layout.sample(rng, self.population)
        ranked = yield np.concatenate([problem.extremes(), random])
        ranked = ranked.take(first_of_each(ranked)).top(self.population)
        local_search = LocalSearch.of(problem) if self.climbs else None
        if local_search is not None:
            for start in _best_of_sizes(ranked, problem.space.resolutions):
                ranked = self._with(ranked, (yield from local_search.climb(start, hold=True)))
            for _ in range(self.climbs if _is_worth(local_search, ranked) else 0):
                start = yield problem.layout.mutate(ranked.codes[:1], rng, self.kick)
                ranked = self._with(ranked, (yield from local_search.climb(start)))
        for generation in count(1):
            children = yield self._children(problem, ranked, rng)
            previous, ranked = ranked, self._with(ranked, children.take(children.fresh))
            improved = ranked.codes[0].tobytes() != previous.codes[0].tobytes()
            if local_search is None or not _is_worth(local_search, ranked):
                continue
            if improved or generation % self.every == 0:
                start = ranked if improved else children
                ranked = self._with(
                    ranked, (yield from local_search.climb(start.take(np.array([0]))))
                )

    def _with(self, ranked: Scored, added: Scored) -> Scored:
        candidates = ranked.joined(added)
        return candidates.take(first_of_each(candidates)).top(self.population)

    def _children(self, problem: Problem, ranked: Scored, rng: np.random.Generator) -> Codes:
        layout = problem.layout
        parents = ranked.codes[: max(2, round(self.parents * self.population))]
        mutants = round(self.mutants * self.population)
        chosen = parents[rng.integers(len(parents), size=mutants)]
        mutated = layout.mutate(chosen, rng, self.mutation)
        pairs = rng.integers(len(parents), size=(2, self.population - mutants))
        crossed = layout.cross(parents[pairs[0]], parents[pairs[1]], rng)
        return np.concatenate([mutated, crossed])


def _is_worth(local_search: LocalSearch, ranked: Scored) -> bool:
    """Return whether local search can help: not if the exact sums have no feasible network."""
    return not local_search.sums.is_exact or not ranked.excess[0] > 0


def _best_of_sizes(ranked: Scored, resolutions: Sequence[int]) -> list[Scored]:
    """Return the best network of each of a few evenly spread resolutions."""
    indices = np.linspace(0, len(resolutions) - 1, min(len(resolutions), _SIZES)).round()
    selected = [resolutions[int(index)] for index in indices]
    rows = [np.flatnonzero(ranked.codes[:, 0] == resolution)[:1] for resolution in selected]
    return [ranked.take(row) for row in rows if len(row)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularisedEvolution:
    """Regularised evolution, which always removes the oldest networks (Real et al., AAAI 2019).

    Each of `children` networks per step is a mutant of the best of `sample` networks drawn from the
    population; the same number of oldest networks is removed.
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
        """Start with random networks."""
        population = yield problem.layout.sample(rng, self.population)
        while True:
            drawn = rng.integers(len(population), size=(self.children, self.sample))
            order = np.lexsort([-population.accuracy, population.excess])
            rank = np.empty(len(order), dtype=np.intp)
            rank[order] = np.arange(len(order))
            parents = drawn[np.arange(self.children), rank[drawn].argmin(axis=1)]
            children = yield problem.layout.mutate(population.codes[parents], rng, self.mutation)
            population = population.joined(children).take(
                np.arange(len(children), len(population) + len(children))
            )
