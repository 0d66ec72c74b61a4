"""The most promising networks to measure: accurate, and near the limit.

Besides the limit itself, networks are searched for at limits somewhat lower and higher: where
predictions are off, the best network within the limit is the best one predicted at another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from supernet.constraints.constraints import Constraint
from supernet.search.engine import Run, SearchPlan
from supernet.search.problem import Accuracies, Problem, SearchedSpace
from supernet.space.codes import Codes

_APART = 2  # choices by which networks that are measured together differ, where there are enough
_MUTATION, _MUTANTS = 0.1, 2000
_BRIEFLY = 8  # times less patience, where a search only proposes what to measure
NEIGHBOURS = 3000  # best networks of a search that candidates are taken of


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateCount:
    """How many networks are wanted in all, at which shares of the limit, and which not again.

    Half of them are at the first share, the rest equally many at each of the others. `seen` are
    codes (n, columns).
    """

    count: int
    shares: tuple[float, ...]
    seen: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What is searched: a space by accuracy, one limit that may be moved, and other constraints."""

    space: SearchedSpace
    accuracy: Accuracies
    limit: Constraint
    others: tuple[Constraint, ...]
    seed: int
    plan: SearchPlan

    def problem(self, share: float = 1.0) -> Problem:
        """The problem at so much of the limit."""
        limit = replace(self.limit, limit=self.limit.limit * share)
        return Problem.of(self.space, self.accuracy, [limit, *self.others])

    def run(self, share: float = 1.0) -> Run:
        """Search at so much of the limit, to the end; more briefly where that is not all of it."""
        budget = self.plan.budget
        if share != 1.0:
            budget = replace(
                budget,
                evaluations=max(1, budget.evaluations // 2),
                patience=max(1, budget.patience // _BRIEFLY),
                seconds=budget.seconds / _BRIEFLY,
            )
        run = Run(self.problem(share), replace(self.plan, budget=budget))
        run.to_the_end(self.seed)
        return run


def promising(searched: Searched, run: Run, wanted: CandidateCount) -> Codes:
    """Distinct networks (n, columns), the most accurate predicted within each share of the limit.

    `run` is that of the whole limit. Fewer than wanted where there are no more.
    """
    taken: list[bytes] = []
    chosen = wanted.seen[:0]
    for share, count in zip(wanted.shares, _counts(wanted), strict=True):
        of_share = run if share == 1.0 else searched.run(share)
        pool = _pool(searched.problem(share), of_share, searched.seed)
        fresh = _without(pool, [one.tobytes() for one in wanted.seen] + taken)
        more = _spread_out(fresh, chosen, count)
        taken += [one.tobytes() for one in more]
        chosen = np.concatenate([chosen, more])
    missing = wanted.count - len(chosen)
    if missing > 0:  # some limits have too few: the rest are of the whole limit
        pool = _pool(searched.problem(), run, searched.seed)
        fresh = _without(pool, [one.tobytes() for one in wanted.seen] + taken)
        chosen = np.concatenate([chosen, fresh[:missing]])
    return chosen


def _counts(wanted: CandidateCount) -> list[int]:
    """How many of each share."""
    others = len(wanted.shares) - 1
    rest = wanted.count // 2 if others else 0
    each = [rest // others + (place < rest % others) for place in range(others)]
    return [wanted.count - rest, *each]


def _pool(problem: Problem, run: Run, seed: int) -> Codes:
    """Networks within the limits, the most accurate first: those looked at, and mutants of them."""
    looked_at = run.archive.all().top(NEIGHBOURS)
    within = looked_at.take(looked_at.excess == 0)
    if not len(within):
        return within.codes
    rng = np.random.default_rng(seed)
    parents = within.codes[rng.integers(min(len(within), 20), size=_MUTANTS)]
    mutants = problem.score(np.unique(problem.layout.mutate(parents, rng, _MUTATION), axis=0))
    together = within.joined(mutants.take(mutants.excess == 0)).top(NEIGHBOURS)
    return together.codes


def _without(pool: Codes, taken: Sequence[bytes]) -> Codes:
    """Networks of the pool that are not taken, each once, in their order."""
    gone, rows = set(taken), []
    for row, one in enumerate(pool):
        key = one.tobytes()
        if key not in gone:
            gone.add(key)
            rows.append(row)
    return pool[rows]


def _spread_out(pool: Codes, chosen: Codes, count: int) -> Codes:
    """The first `count` that differ from each other and from those chosen, filled up by the next.

    So that what is measured says something of more than one network's neighbourhood.
    """
    rows: list[int] = []
    kept = list(chosen)
    for row, one in enumerate(pool):
        if len(rows) == count:
            break
        if all(int((one != other).sum()) >= _APART for other in kept):
            rows.append(row)
            kept.append(one)
    filled = [row for row in range(len(pool)) if row not in set(rows)]
    return pool[(rows + filled)[:count]]
