"""Pareto dominance in accuracy and costs."""

import numpy as np
from numpy.typing import NDArray

from supernet.search.problem import Floats, Rows, Scored

COARSE_ACCURACY = 1e-4  # differences below are none that a search should go on for
COARSE_COST = 0.005  # relative


def extended(front: Scored, more: Scored) -> Scored:
    """Front of a front and more networks: those within the limits that nothing dominates.

    One network dominates another where it is no worse in anything and better in something; of
    equals the one that was there first is kept. From the cheapest in the first objective.
    """
    more = more.take(more.excess == 0)
    more = more.take(_undominated(_figures(more)))
    if len(front) and len(more):
        old, new = _figures(front), _figures(more)
        more = more.take(np.flatnonzero(~_no_worse(old, new).any(axis=0)))
        front = front.take(np.flatnonzero(~_no_worse(_figures(more), old).any(axis=0)))
    both = front.joined(more)
    return both.take(np.lexsort(_figures(both).T[::-1]))


def _figures(scored: Scored) -> Floats:
    """All that is to be low, (n, objectives + 1)."""
    return np.column_stack([scored.objectives, -scored.accuracy])


def _no_worse(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Whether each of `one` is no worse in anything than each of `other`, (n, m)."""
    found = np.ones((len(one), len(other)), dtype=np.bool_)
    for k in range(one.shape[1]):
        found &= one[:, None, k] <= other[None, :, k]
    return found


def _undominated(figures: Floats) -> Rows:
    """Rows that nothing dominates, each figure once."""
    _, first = np.unique(figures, axis=0, return_index=True)
    own = figures[first]
    return np.asarray(first[_no_worse(own, own).sum(axis=0) == 1])


def is_new(scored: Scored, front: Scored) -> bool:
    """Whether any of the networks is better than the front by more than a coarse step.

    Epsilon-dominance (Laumanns et al. 2002): a front grows by ever smaller steps otherwise.
    """
    rows = scored.take(scored.excess == 0)
    if not len(rows) or not len(front):
        return len(rows) > 0
    no_dearer = (front.objectives[None] <= rows.objectives[:, None] * (1 + COARSE_COST)).all(axis=2)
    as_good = front.accuracy[None] >= rows.accuracy[:, None] - COARSE_ACCURACY
    return bool((~(no_dearer & as_good).any(axis=1)).any())


def spread_over(front: Scored, points: int) -> Rows:
    """Rows of `points` networks spread over a front, its ends among them.

    Of costs in ratio and accuracy by difference, both over their range: each next one is the
    farthest from those taken. One point is the most accurate.
    """
    if len(front) <= points:
        return np.arange(len(front))
    figures = np.column_stack([np.log(front.objectives), front.accuracy])
    span = np.maximum(np.ptp(figures, axis=0), 1e-12)
    figures = figures / span
    ends = [int(front.accuracy.argmax()), *figures[:, :-1].argmin(axis=0).tolist()]
    taken = list(dict.fromkeys(ends))[:points]
    far = np.full(len(front), np.inf)
    for row in taken:
        far = np.minimum(far, ((figures - figures[row]) ** 2).sum(axis=1))
    while len(taken) < points:
        taken.append(int(far.argmax()))
        far = np.minimum(far, ((figures - figures[taken[-1]]) ** 2).sum(axis=1))
    return np.unique(taken)
