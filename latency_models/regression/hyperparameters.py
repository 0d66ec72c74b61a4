"""Hyperparameters by maximum likelihood, from several starts.

One start is not enough: the likelihood of robust noise has several optima. All outliers and no
cost, say, is one of them; so is a scale that was left out and never comes back by small steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.robust_gp import ROUNDS, Posterior, solve

Floats = NDArray[np.float64]

STEP = 2.0  # scales are multiplied and divided by it, at last by its root
_WORTHWHILE = 0.1  # of evidence: less is not worth another look at every scale
_LEAST, _MOST = 1e-3, 0.6  # of scales, relative
_OPEN = 0.05  # where a part that was left out comes in, beside a small step


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """A candidate's view of n networks, in relative latency.

    `values` (n,) is what it missed; `fixed` (n, n) the covariance of what it leaves open at any
    scales; `parts` (k, n, n) those that scales multiply; `log_odds` its prior, and the logarithm
    of what turns a density of `values` into one of latencies.
    """

    values: Floats
    fixed: Floats
    parts: Floats
    log_odds: float


def posterior(problem: Likelihood, grid: Floats, rounds: int = ROUNDS) -> Posterior:
    """Solve under each of the scales; the evidence is that of latencies, with the prior odds."""
    covariances = problem.fixed + np.tensordot(grid[:, :-2] ** 2, problem.parts, axes=1)
    found = solve(covariances, problem.values, grid[:, -2], grid[:, -1], rounds)
    return replace(found, evidence=found.evidence + problem.log_odds)


def starts_of(evidence: Floats, grid: Floats) -> Floats:
    """Scales to start from, (s, k + 2), where a grid (g, k + 2) has this evidence (g,).

    For each skew of the noise the likeliest, and the likeliest that leaves no part out; and the
    middle of the grid, whatever the evidence: it may be that of few networks.
    """
    parts, skews = grid[:, :-2], grid[:, -1]
    whole = ((parts > 0) | (parts.max(axis=0) == 0)).all(axis=1)
    found = [_middle(grid)]
    for skew in np.unique(skews):
        for among in (skews == skew, (skews == skew) & whole):
            found.append(grid[np.where(among, evidence, -np.inf).argmax()])
    return np.unique(np.stack(found), axis=0)


def refine(
    problem: Likelihood, start: Floats, step: float, skews: Sequence[float], rounds: int = ROUNDS
) -> Floats:
    """Change one scale at a time, (k + 2,), while that makes the networks likelier."""
    best, scales = float(posterior(problem, start[None], rounds).evidence[0]), start
    improved = True
    while improved:
        improved = False
        for place in range(len(scales)):
            tries = _tries(scales, place, step, skews)
            if not len(tries):
                continue
            found = posterior(problem, tries, rounds).evidence
            if found.max() > best + _WORTHWHILE:
                best, scales, improved = float(found.max()), tries[found.argmax()], True
    return scales


def _middle(grid: Floats) -> Floats:
    """Geometric mean of the choices above 0 of each scale; the least skew."""
    scales = [
        np.exp(np.log(np.unique(column[column > 0])).mean()) if column.any() else 0.0
        for column in grid[:, :-1].T
    ]
    return np.array([*scales, grid[:, -1].min()])


def _tries(scales: Floats, place: int, step: float, skews: Sequence[float]) -> Floats:
    if place == len(scales) - 1:
        values = [skew for skew in skews if skew != scales[place]]
    else:
        # A part that was left out may come in, and a tiny one go.
        now = max(float(scales[place]), _LEAST)
        values = [min(now * step, _MOST), max(now / step, _LEAST)]
        if place < len(scales) - 2 and now * step < _OPEN:
            values.append(_OPEN)
    tries = np.repeat(scales[None], len(values), axis=0)
    tries[:, place] = values
    return tries
