"""Search the Pareto front of accuracy and costs.

Limits on the objectives are set one after the other over their whole range, and local search finds
the best network under each (supernet.search.local_search). In between, networks of the front get
mutants and children, and further limits are set where the front is sparse.
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
_SLIP = 1e-9  # relative tolerance for rounding
_NONE = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontSearch:
    """Front search: `climbs` limits over the whole range, then one every `every` generations."""

    name: ClassVar[str] = "front"

    population: int = 100
    climbs: int = 24
    every: int = 2
    mutation: float = 0.1

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Begin with random networks, and the smallest and the largest of each resolution."""
        random = problem.layout.sample(rng, self.population)
        front = yield np.concatenate([problem.extremes(), random])
        finite_costs = front.objectives[np.isfinite(front.objectives).all(axis=1)]
        local_search = LocalSearch.of(problem) if len(finite_costs) else None
        front = self._with(front.take(_NONE), front)
        pending_limits: list[Floats] = []
        if local_search is not None:
            front, ends = yield from self._ends(local_search, front)
            least = np.minimum(finite_costs.min(axis=0), np.diagonal(ends))
            pending_limits = [*_limits(least, finite_costs.max(axis=0), self.climbs, rng), *ends]
        generation = 0
        while True:
            if local_search is not None and (pending_limits or generation % self.every == 0):
                limits = pending_limits.pop() if pending_limits else _sparsest(front, rng)
                climbed = yield from _climb(local_search, _best_under(front, limits), limits)
                front = self._with(front, climbed)
            if not pending_limits:
                generation += 1
                children = yield self._children(problem, front, rng)
                front = self._with(front, children)

    def _ends(
        self, local_search: LocalSearch, front: Scored
    ) -> Generator[Codes, Scored, tuple[Scored, list[Floats]]]:
        """Return limits at the ends of the front: the cheapest by each objective, and no limit.

        The cheapest networks are evaluated for that and added to the front.
        """
        n = front.objectives.shape[1]
        upper_bounds = local_search.upper_bounds(n)
        ends = []
        for objective in range(n):
            codes = local_search.within(upper_bounds).cheapest(objective, n)
            if codes is not None:
                front = self._with(front, (yield codes))
            limits = upper_bounds.copy()
            limits[objective] = front.objectives[:, objective].min() * (1 + _SLIP)
            ends.append(limits)
        return front, [*ends, upper_bounds]

    def _with(self, front: Scored, added: Scored) -> Scored:
        """Return the front of both, or the nearest networks while none is feasible."""
        is_front = len(front) > 0 and not front.excess.any()
        added = added if is_front else front.joined(added)
        result = extended(front if is_front else front.take(_NONE), added)
        return result if len(result) else added.take(first_of_each(added)).top(self.population)

    def _children(self, problem: Problem, front: Scored, rng: np.random.Generator) -> Codes:
        layout, half = problem.layout, self.population // 2
        parents = front.codes[rng.integers(len(front), size=(3, half))]
        mutated = layout.mutate(parents[0], rng, self.mutation)
        return np.concatenate([mutated, layout.cross(parents[1], parents[2], rng)])


def search_front(
    problem: Problem, *, seed: int, points: int, plan: SearchPlan
) -> list[SearchResult]:
    """Find the front of a problem with objectives; return `points` of it, cheapest first.

    The same seed gives the same front, unless the time limit ends the search. Raises
    `InfeasibleError` where no network meets the constraints.
    """
    if not 1 <= len(problem.objectives) <= MOST_OBJECTIVES:
        raise InputError(
            f"a front is of accuracy against 1 or {MOST_OBJECTIVES} costs, got "
            f"{len(problem.objectives)}"
        )
    run = FrontRun(problem, replace(plan, strategy=FrontSearch()))
    nearest = run.run(seed)
    front = run.front
    if not len(front):
        raise InfeasibleError(why_infeasible(problem, nearest.codes))
    rows = spread_over(front, points)
    rows = rows[np.argsort(front.objectives[rows, 0], kind="stable")]
    return [result_of(problem, front.take(np.array([row])), run, seed) for row in rows]


class FrontRun(Run):
    """Search that keeps a front, and continues while the front improves."""

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


def _limits(lowest: Floats, highest: Floats, n: int, rng: np.random.Generator) -> list[Floats]:
    """Return limits spread evenly in log over each objective's range, in random combinations."""
    shares = (np.arange(n) + 1.0) / n
    columns: Sequence[Floats] = [shares if k == 0 else rng.permutation(shares)
                                 for k in range(len(lowest))]  # fmt: skip
    spread = np.column_stack(columns)
    return list((lowest * (highest / lowest) ** spread)[::-1])


def _sparsest(front: Scored, rng: np.random.Generator) -> Floats:
    """Return limits in the widest of a few random gaps of the front."""
    ordered = front.objectives[np.isfinite(front.objectives).all(axis=1)]
    ordered = ordered[np.lexsort(ordered.T[::-1])]
    if len(ordered) < 2:
        return np.asarray(front.objectives[0] * np.exp(rng.normal(0.0, 0.2, size=ordered.shape[1])))
    indices = rng.integers(len(ordered) - 1, size=4)
    gaps = np.abs(np.log(ordered[indices + 1] / ordered[indices])).sum(axis=1)
    index = indices[gaps.argmax()]
    return np.asarray(np.maximum(ordered[index], ordered[index + 1]) * 0.999)


def _best_under(front: Scored, limits: Floats) -> Scored:
    relative = _under(front, limits)
    order = np.lexsort([-relative.accuracy, relative.excess])
    return front.take(order[:1])


def _under(scored: Scored, limits: Floats) -> Scored:
    """Add the excess over these limits on the objectives to the excess."""
    over = np.maximum(scored.objectives / limits - 1.0, 0.0).sum(axis=1)
    return replace(scored, excess=scored.excess + over)


def _climb(
    local_search: LocalSearch, start: Scored, limits: Floats
) -> Generator[Codes, Scored, Scored]:
    """Run local search under limits on the objectives; return all evaluated networks."""
    climb = local_search.within(limits).climb(_under(start, limits))
    evaluated = start
    try:
        codes = next(climb)
        while True:
            scored = yield codes
            evaluated = evaluated.joined(scored)
            codes = climb.send(_under(scored, limits))
    except StopIteration:
        return evaluated
