"""Local search: improve a network by exact optima of a linear model of accuracy around it.

Accuracy is linearised around a network (supernet.search.linear), and the best network of the linear
model within the limits is computed exactly (supernet.search.exact) and evaluated. If it is better,
accuracy is linearised around it. If not, the model was used too far from its centre: changes are
then penalised, so that the next proposal is nearer and predicted better, as in trust-region
methods.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from supernet.search.exact import SearchEffort, best_of_sum
from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.search.lagrangian_bound import Separable, lower_bound, spread_of
from supernet.search.linear import SingleChanges
from supernet.search.problem import Problem, Scored
from supernet.search.sums import Sums, upper_bound
from supernet.space.codes import Codes

_PROPOSED = 8  # networks proposed per linear model
# Limits of the exact search: with several limits its proposals are evaluated, so need not be
# optimal.
_EFFORT = SearchEffort(most=5_000, sizes=3, steps=8)
_ITERATIONS = 40
# Penalty per changed choice, relative to the spread of all choices. Higher ones did not help.
_PENALTIES = (0.0, 1 / 256)
_EXCLUDED = 4.0  # penalty in spreads that excludes a choice
_TIGHTER = 0.995  # factor on the limits where a proposal exceeded a limit that is not an exact sum


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSearch:
    """Choices of a problem, and its limits as sums over them."""

    grid: Grid
    sums: Sums

    @classmethod
    def of(cls, problem: Problem) -> Self | None:
        """Decompose a problem; None where its space or an objective is not a sum over choices."""
        grid = Grid.of(problem.layout)
        sums = None if grid is None else Sums.of(problem, grid)
        return None if grid is None or sums is None else cls(grid=grid, sums=sums)

    def within(self, limits: Floats) -> "LocalSearch":
        """Return a copy with these limits (objectives,) on the objectives."""
        return replace(self, sums=self.sums.within(limits))

    def upper_bounds(self, objectives: int) -> Floats:
        """Return an upper bound of each objective over all networks, (objectives,)."""
        return np.array([upper_bound(cost).max() for cost in self.sums.costs[-objectives:]])

    def cheapest(self, objective: int, objectives: int) -> Codes | None:
        """Return networks within the limits with the least cost in one objective, or None."""
        cost = self.sums.costs[len(self.sums.costs) - objectives + objective]
        stages = [StageParts(depths=-stage.depths, blocks=-stage.blocks) for stage in cost.stages]
        return self.best(GridSum(base=-cost.base, entry=-cost.entry, stages=tuple(stages)))

    def climb(self, start: Scored, *, hold: bool = False) -> Generator[Codes, Scored, Scored]:
        """Improve one network (one row) until no proposal is better; return the best.

        With `hold` its resolution stays fixed, since the effect of the resolution depends on all
        other choices.
        """
        best, search = start, self
        for _ in range(_ITERATIONS):
            probes = SingleChanges.around_network(self.grid, best.codes[0])
            scored = yield probes.codes
            value = probes.parts(scored.accuracy)
            step = best.joined(scored).top(1)
            full_spread = spread_of(value)
            for penalty in _PENALTIES:
                penalised = probes.nearer(value, penalty * full_spread)
                spread = spread_of(penalised)
                if hold:
                    other_resolution = self.grid.resolutions != best.codes[0, 0]
                    penalised = replace(
                        penalised, base=penalised.base - _EXCLUDED * spread * other_resolution
                    )
                proposal = search.best(penalised, spread)
                if proposal is None:
                    break
                scored = yield proposal
                if not self.sums.is_exact and scored.excess.min() > 0:
                    tighter = replace(search.sums, limits=search.sums.limits * _TIGHTER)
                    search = replace(search, sums=tighter)
                step = step.joined(scored).top(1)
                if step.beats(best):
                    break
            if not step.beats(best):
                break
            best = step
        return best

    def best(self, value: GridSum, spread: float | None = None) -> Codes | None:
        """Return the best networks of a sum within the limits, (n, columns); None where none is.

        `spread` is the range of the relevant values, where some are set far below.
        """
        spread = spread_of(value) if spread is None else spread
        penalty = 4 * _EXCLUDED * spread + 1.0  # exceeds any possible gain
        problem = Separable(
            grid=self.grid,
            value=self.sums.allowed(value, penalty),
            costs=self.sums.costs,
            limits=self.sums.limits,
            spread=spread,
        )
        # A network with a forbidden choice has a lower value than any without.
        solution = best_of_sum(problem, _PROPOSED, lower_bound(value) - spread, _EFFORT)
        return None if solution is None else solution.codes
