"""Choose the most promising networks to measure: accurate, and near the limit.

Networks are searched at the limit and at somewhat lower and higher limits: where predictions are
wrong, the best network within the limit is the best one predicted at another limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from supernet.constraints.constraints import Constraint
from supernet.search.engine import Run, SearchPlan
from supernet.search.problem import Accuracies, Problem, SearchedSpace
from supernet.space.codes import Codes

_APART = 2  # minimum number of different choices between networks that are measured together
_MUTATION, _MUTANTS = 0.1, 2000
_BRIEFLY = 8  # divisor of patience for searches that only propose networks to measure
NEIGHBOURS = 3000  # best networks of a search, from which candidates are taken


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateCount:
    """Number of candidates in all, by shares of the limit, without those already measured.

    Half of them are at the first share, the others divided equally among the other shares. `seen`
    are the codes (n, columns) of measured networks.
    """

    count: int
    shares: tuple[float, ...]
    seen: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSetup:
    """Search setup: a space, accuracies, one limit that may be moved, and other constraints."""

    space: SearchedSpace
    accuracy: Accuracies
    limit: Constraint
    other_constraints: tuple[Constraint, ...]
    seed: int
    plan: SearchPlan

    def problem(self, share: float = 1.0) -> Problem:
        """Return the problem at this share of the limit."""
        limit = replace(self.limit, limit=self.limit.limit * share)
        return Problem.of(self.space, self.accuracy, [limit, *self.other_constraints])

    def run(self, share: float = 1.0) -> Run:
        """Run a search at this share of the limit; shares other than 1 get a smaller budget."""
        budget = self.plan.budget
        if share != 1.0:
            budget = replace(
                budget,
                evaluations=max(1, budget.evaluations // 2),
                patience=max(1, budget.patience // _BRIEFLY),
                seconds=budget.seconds / _BRIEFLY,
            )
        run = Run(self.problem(share), replace(self.plan, budget=budget))
        run.run(self.seed)
        return run


def promising(setup: SearchSetup, run: Run, request: CandidateCount) -> Codes:
    """Return distinct networks (n, columns) with the highest accuracy at each share of the limit.

    `run` is the search at the full limit. Fewer networks than requested if there are no more.
    """
    excluded: list[bytes] = []
    chosen = request.seen[:0]
    for share, count in zip(request.shares, _counts(request), strict=True):
        share_run = run if share == 1.0 else setup.run(share)
        pool = _pool(setup.problem(share), share_run, setup.seed)
        fresh = _without(pool, [code.tobytes() for code in request.seen] + excluded)
        spread = _spread_out(fresh, chosen, count)
        excluded += [code.tobytes() for code in spread]
        chosen = np.concatenate([chosen, spread])
    missing = request.count - len(chosen)
    if missing > 0:  # some shares have too few: fill up from the full limit
        pool = _pool(setup.problem(), run, setup.seed)
        fresh = _without(pool, [code.tobytes() for code in request.seen] + excluded)
        chosen = np.concatenate([chosen, fresh[:missing]])
    return chosen


def _counts(request: CandidateCount) -> list[int]:
    """Return the number of networks at each share."""
    other_shares = len(request.shares) - 1
    remaining = request.count // 2 if other_shares else 0
    shares = [
        remaining // other_shares + (index < remaining % other_shares)
        for index in range(other_shares)
    ]
    return [request.count - remaining, *shares]


def _pool(problem: Problem, run: Run, seed: int) -> Codes:
    """Return feasible networks, the most accurate first: evaluated ones and mutants of them."""
    evaluated = run.archive.all().top(NEIGHBOURS)
    feasible = evaluated.take(evaluated.excess == 0)
    if not len(feasible):
        return feasible.codes
    rng = np.random.default_rng(seed)
    parents = feasible.codes[rng.integers(min(len(feasible), 20), size=_MUTANTS)]
    mutants = problem.score(np.unique(problem.layout.mutate(parents, rng, _MUTATION), axis=0))
    pool = feasible.joined(mutants.take(mutants.excess == 0)).top(NEIGHBOURS)
    return pool.codes


def _without(pool: Codes, excluded: Sequence[bytes]) -> Codes:
    """Return the networks of the pool that are not excluded, each once, in their order."""
    seen, rows = set(excluded), []
    for row, code in enumerate(pool):
        key = code.tobytes()
        if key not in seen:
            seen.add(key)
            rows.append(row)
    return pool[rows]


def _spread_out(pool: Codes, chosen: Codes, count: int) -> Codes:
    """Return the first `count` networks that differ from each other and from those chosen.

    The result is filled up by the next ones. Measurements then cover several neighbourhoods.
    """
    rows: list[int] = []
    selected = list(chosen)
    for row, code in enumerate(pool):
        if len(rows) == count:
            break
        if all(int((code != other).sum()) >= _APART for other in selected):
            rows.append(row)
            selected.append(code)
    fill = [row for row in range(len(pool)) if row not in set(rows)]
    return pool[(rows + fill)[:count]]
