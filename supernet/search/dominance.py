"""Pareto dominance in accuracy and costs."""

import numpy as np
from numpy.typing import NDArray

from supernet.search.problem import Floats, Rows, Scored

COARSE_ACCURACY = 1e-4  # smaller improvements do not prolong a search
COARSE_COST = 0.005  # relative


def extended(front: Scored, more: Scored) -> Scored:
    """Return the front of a front and further networks: feasible and not dominated.

    A network dominates another if it is at least as good in everything and better in something; of
    equal networks the first one is kept. The result is sorted by the first objective.
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
    """Return the figures to minimise, (n, objectives + 1)."""
    return np.column_stack([scored.objectives, -scored.accuracy])


def _no_worse(first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Return whether each of `first` is nowhere worse than each of `second`, (n, m)."""
    result = np.ones((len(first), len(second)), dtype=np.bool_)
    for k in range(first.shape[1]):
        result &= first[:, None, k] <= second[None, :, k]
    return result


def _undominated(figures: Floats) -> Rows:
    """Return the rows that are not dominated, without duplicates."""
    _, first = np.unique(figures, axis=0, return_index=True)
    unique = figures[first]
    return np.asarray(first[_no_worse(unique, unique).sum(axis=0) == 1])


def is_new(scored: Scored, front: Scored) -> bool:
    """Return whether any network improves the front by more than a coarse step.

    Epsilon-dominance (Laumanns et al. 2002) ignores ever smaller improvements of a front.
    """
    rows = scored.take(scored.excess == 0)
    if not len(rows) or not len(front):
        return len(rows) > 0
    no_dearer = (front.objectives[None] <= rows.objectives[:, None] * (1 + COARSE_COST)).all(axis=2)
    as_good = front.accuracy[None] >= rows.accuracy[:, None] - COARSE_ACCURACY
    return bool((~(no_dearer & as_good).any(axis=1)).any())


def spread_over(front: Scored, points: int) -> Rows:
    """Return rows of `points` networks spread over a front, including its ends.

    Farthest-point selection by log cost and accuracy, both relative to their range. A single point
    is the most accurate one.
    """
    if len(front) <= points:
        return np.arange(len(front))
    figures = np.column_stack([np.log(front.objectives), front.accuracy])
    span = np.maximum(np.ptp(figures, axis=0), 1e-12)
    figures = figures / span
    ends = [int(front.accuracy.argmax()), *figures[:, :-1].argmin(axis=0).tolist()]
    selected = list(dict.fromkeys(ends))[:points]
    distances = np.full(len(front), np.inf)
    for row in selected:
        distances = np.minimum(distances, ((figures - figures[row]) ** 2).sum(axis=1))
    while len(selected) < points:
        selected.append(int(distances.argmax()))
        distances = np.minimum(distances, ((figures - figures[selected[-1]]) ** 2).sum(axis=1))
    return np.unique(selected)
