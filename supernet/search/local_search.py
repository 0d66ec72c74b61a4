"""Local search: from a network to better ones, by exact optima of a linear model around it.

Accuracy is taken apart around a network (supernet.search.linear), the best network of that sum
within the limits is found exactly (supernet.search.exact), and looked at. Where it is better,
accuracy is taken apart around it. Where it is not, the sum was trusted too far: once more, changes
are charged for, so that what is proposed is nearer and better foreseen, as in trust regions.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from supernet.search.exact import SearchEffort, best_of_sum
from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.search.lagrangian_bound import Separable, least_of, spread_of
from supernet.search.linear import Probes
from supernet.search.problem import Problem, Scored
from supernet.search.sums import Sums, most_of
from supernet.space.codes import Codes

_PROPOSED = 8  # networks for each sum
# Under one limit the best is found anyway; under several, proposals are looked at, not believed.
_EFFORT = SearchEffort(most=5_000, sizes=3, steps=8)
_ROUNDS = 40
# Of the spread of all choices, for a choice that differs. Higher ones have found nothing.
_PRICES = (0.0, 1 / 256)
_FAR = 4.0  # spreads of all choices, which no other choice makes up for
_TIGHTER = 0.995  # of the limits where a proposal did not keep them, as they are no sums


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSearch:
    """A problem's choices, and its limits as sums over them."""

    grid: Grid
    sums: Sums

    @classmethod
    def of(cls, problem: Problem) -> Self | None:
        """Take a problem apart; None where its space or an objective is no sum over choices."""
        grid = Grid.of(problem.layout)
        sums = None if grid is None else Sums.of(problem, grid)
        return None if grid is None or sums is None else cls(grid=grid, sums=sums)

    def within(self, limits: Floats) -> "LocalSearch":
        """Return the same with these limits (objectives,) on the objectives."""
        return replace(self, sums=self.sums.within(limits))

    def most(self, objectives: int) -> Floats:
        """What no network exceeds of each objective, (objectives,)."""
        return np.array([most_of(cost).max() for cost in self.sums.costs[-objectives:]])

    def cheapest(self, objective: int, objectives: int) -> Codes | None:
        """Networks within the limits that cost the least of one objective; None without any."""
        cost = self.sums.costs[len(self.sums.costs) - objectives + objective]
        stages = [StageParts(depths=-stage.depths, blocks=-stage.blocks) for stage in cost.stages]
        return self.best(GridSum(base=-cost.base, entry=-cost.entry, stages=tuple(stages)))

    def climb(self, start: Scored, *, hold: bool = False) -> Generator[Codes, Scored, Scored]:
        """Improve one network (one row) until nothing better is in sight; return the best.

        With `hold` its resolution stays: what another size is worth depends on all else.
        """
        best, guide = start, self
        for _ in range(_ROUNDS):
            probes = Probes.around_network(self.grid, best.codes[0])
            scored = yield probes.codes
            value = probes.parts(scored.accuracy)
            step = best.joined(scored).top(1)
            whole = spread_of(value)
            for price in _PRICES:
                charged = probes.nearer(value, price * whole)
                spread = spread_of(charged)
                if hold:
                    elsewhere = self.grid.resolutions != best.codes[0, 0]
                    charged = replace(charged, base=charged.base - _FAR * spread * elsewhere)
                proposed = guide.best(charged, spread)
                if proposed is None:
                    break
                scored = yield proposed
                if not self.sums.is_exact and scored.excess.min() > 0:
                    tighter = replace(guide.sums, limits=guide.sums.limits * _TIGHTER)
                    guide = replace(guide, sums=tighter)
                step = step.joined(scored).top(1)
                if step.beats(best):
                    break
            if not step.beats(best):
                break
            best = step
        return best

    def best(self, value: GridSum, spread: float | None = None) -> Codes | None:
        """Best networks of a sum within the limits, (n, columns); None where there is none.

        `spread` is how far apart values are that matter, where some are set far below.
        """
        spread = spread_of(value) if spread is None else spread
        penalty = 4 * _FAR * spread + 1.0  # more than all else could make up for
        problem = Separable(
            grid=self.grid,
            value=self.sums.allowed(value, penalty),
            costs=self.sums.costs,
            limits=self.sums.limits,
            spread=spread,
        )
        # What has a forbidden choice is worth less than any without.
        found = best_of_sum(problem, _PROPOSED, least_of(value) - spread, _EFFORT)
        return None if found is None else found.codes
