"""The Pareto front of accuracy and costs.

Limits on the objectives are set one after the other over all that the space can do, and the best
network under each is climbed to (supernet.search.local_search); between, networks of the front have
mutants and children, and limits go where the front is thinnest.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bench.errors import InfeasibleError, InputError
from supernet.search.archive import first_of_each
from supernet.search.dominance import extended, is_new, spread_over
from supernet.search.engine import Run, SearchPlan, SearchResult, result_of
from supernet.search.infeasible import why_infeasible
from supernet.search.local_search import LocalSearch
from supernet.search.problem import Floats, Problem, Scored
from supernet.search.strategy import Proposals
from supernet.space.codes import Codes

MOST_OBJECTIVES = 2
_SLIP = 1e-9  # relative: sums in another order
_NONE = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontSearch:
    """`climbs` limits over the whole range at first; a climb every so many generations after."""

    name: ClassVar[str] = "front"

    population: int = 100
    climbs: int = 24
    every: int = 2
    mutation: float = 0.1

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Begin with random networks, and the smallest and the largest of each resolution."""
        random = problem.layout.sample(rng, self.population)
        known = yield np.concatenate([problem.extremes(), random])
        runs = known.objectives[np.isfinite(known.objectives).all(axis=1)]
        guide = LocalSearch.of(problem) if len(runs) else None
        known = self._with(known.take(_NONE), known)
        waiting: list[Floats] = []
        if guide is not None:
            known, ends = yield from self._ends(guide, known)
            least = np.minimum(runs.min(axis=0), np.diagonal(ends))
            waiting = [*_limits(least, runs.max(axis=0), self.climbs, rng), *ends]
        generation = 0
        while True:
            if guide is not None and (waiting or generation % self.every == 0):
                limits = waiting.pop() if waiting else _thinnest(known, rng)
                found = yield from _climb(guide, _best_under(known, limits), limits)
                known = self._with(known, found)
            if not waiting:
                generation += 1
                children = yield self._children(problem, known, rng)
                known = self._with(known, children)

    def _ends(
        self, guide: LocalSearch, known: Scored
    ) -> Generator[Codes, Scored, tuple[Scored, list[Floats]]]:
        """Limits at the front's ends: the cheapest by each objective, and no limit at all.

        The cheapest networks are looked at for that, and kept.
        """
        n = known.objectives.shape[1]
        most = guide.most(n)
        ends = []
        for objective in range(n):
            codes = guide.within(most).cheapest(objective, n)
            if codes is not None:
                known = self._with(known, (yield codes))
            end = most.copy()
            end[objective] = known.objectives[:, objective].min() * (1 + _SLIP)
            ends.append(end)
        return known, [*ends, most]

    def _with(self, known: Scored, more: Scored) -> Scored:
        """The front of both; while nothing is within the limits, what is nearest."""
        # While nothing is within the limits, what is nearest is kept: no front to extend.
        is_front = len(known) > 0 and not known.excess.any()
        more = more if is_front else known.joined(more)
        front = extended(known if is_front else known.take(_NONE), more)
        return front if len(front) else more.take(first_of_each(more)).top(self.population)

    def _children(self, problem: Problem, known: Scored, rng: np.random.Generator) -> Codes:
        layout, half = problem.layout, self.population // 2
        parents = known.codes[rng.integers(len(known), size=(3, half))]
        mutated = layout.mutate(parents[0], rng, self.mutation)
        return np.concatenate([mutated, layout.cross(parents[1], parents[2], rng)])


def search_front(
    problem: Problem, *, seed: int, points: int, plan: SearchPlan
) -> list[SearchResult]:
    """Find the front of a problem with objectives; return `points` of it, from the cheapest.

    The same seed gives the same front, unless seconds end the search. `InfeasibleError` where
    nothing is within the constraints.
    """
    if not 1 <= len(problem.objectives) <= MOST_OBJECTIVES:
        raise InputError(
            f"a front is of accuracy against 1 or {MOST_OBJECTIVES} costs, got "
            f"{len(problem.objectives)}"
        )
    run = FrontRun(problem, replace(plan, strategy=FrontSearch()))
    nearest = run.to_the_end(seed)
    front = run.front
    if not len(front):
        raise InfeasibleError(why_infeasible(problem, nearest.codes))
    rows = spread_over(front, points)
    rows = rows[np.argsort(front.objectives[rows, 0], kind="stable")]
    return [result_of(problem, front.take(np.array([row])), run, seed) for row in rows]


class FrontRun(Run):
    """A search that keeps a front, and goes on while that moves."""

    def __init__(self, problem: Problem, plan: SearchPlan) -> None:
        super().__init__(problem, plan)
        self.front = problem.nothing()

    def found_better(self, fresh: Scored) -> bool:
        better = is_new(fresh, self.front)
        self.front = extended(self.front, fresh)
        super().found_better(fresh)
        return better

    def front_size(self) -> int | None:
        return len(self.front)


def _limits(least: Floats, most: Floats, n: int, rng: np.random.Generator) -> list[Floats]:
    """Limits spread evenly in ratio over each objective's range; of several, in random pairs."""
    shares = (np.arange(n) + 1.0) / n
    columns: Sequence[Floats] = [shares if k == 0 else rng.permutation(shares)
                                 for k in range(len(least))]  # fmt: skip
    spread = np.column_stack(columns)
    return list((least * (most / least) ** spread)[::-1])


def _thinnest(known: Scored, rng: np.random.Generator) -> Floats:
    """Limits in the middle of a wide gap of the front: of a few gaps drawn, the widest."""
    ordered = known.objectives[np.isfinite(known.objectives).all(axis=1)]
    ordered = ordered[np.lexsort(ordered.T[::-1])]
    if len(ordered) < 2:
        return np.asarray(known.objectives[0] * np.exp(rng.normal(0.0, 0.2, size=ordered.shape[1])))
    places = rng.integers(len(ordered) - 1, size=4)
    gaps = np.abs(np.log(ordered[places + 1] / ordered[places])).sum(axis=1)
    place = places[gaps.argmax()]
    return np.asarray(np.maximum(ordered[place], ordered[place + 1]) * 0.999)


def _best_under(known: Scored, limits: Floats) -> Scored:
    under = _under(known, limits)
    order = np.lexsort([-under.accuracy, under.excess])
    return known.take(order[:1])


def _under(scored: Scored, limits: Floats) -> Scored:
    """The same, with what exceeds these limits on the objectives in the excess."""
    over = np.maximum(scored.objectives / limits - 1.0, 0.0).sum(axis=1)
    return replace(scored, excess=scored.excess + over)


def _climb(guide: LocalSearch, start: Scored, limits: Floats) -> Generator[Codes, Scored, Scored]:
    """Climb under limits on the objectives; return all that was looked at on the way."""
    climb = guide.within(limits).climb(_under(start, limits))
    seen = start
    try:
        codes = next(climb)
        while True:
            scored = yield codes
            seen = seen.joined(scored)
            codes = climb.send(_under(scored, limits))
    except StopIteration:
        return seen
