"""Variance components: a covariance as a sum of known parts, each with a standard deviation.

The standard deviations, the noise and its skew are hyperparameters, chosen by maximum likelihood
on a grid or from several starts. One start is not enough: the likelihood of robust noise has
several optima. In one of them, say, all networks are outliers; from another, in which a part has
no share, small steps never reach the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.robust_gp import ROUNDS, RobustPosterior, solve

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_MOST_AT_ONCE = 1_000_000  # numbers in covariances that are solved together
STEP = 2.0  # factor of a step of a hyperparameter; of the last steps, its root
_WORTHWHILE = 0.1  # evidence that a step must gain
_LEAST, _MOST = 1e-3, 0.6  # standard deviations, relative
_OPEN = 0.05  # at which a part without a share is tried, beside a small step


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Values of n networks or blocks under a covariance of k parts.

    Attributes:
        values: (n,), with prior mean 0.
        fixed: (n, n) or a number for all, covariance that no hyperparameter scales.
        parts: (k, n, n), covariances that the squares of standard deviations scale.
        log_odds: of the prior, with the logarithm of the Jacobian from `values` to latencies.
    """

    values: Floats
    fixed: Floats | float
    parts: Floats
    log_odds: float = 0.0

    def covariances(self, scales: Floats) -> Floats:
        """Return covariances (g, n, n) under standard deviations of the parts (g, k)."""
        result: Floats = self.fixed + np.tensordot(scales**2, self.parts, axes=1)
        return result

    def solve(self, grid: Floats, rounds: int = ROUNDS) -> RobustPosterior:
        """Solve under each row of `grid` (g, k + 2): the parts, the noise and its skew.

        The evidence is that of latencies, with the prior odds.
        """
        solution = solve(
            self.covariances(grid[:, :-2]), self.values, grid[:, -2], grid[:, -1], rounds
        )
        return replace(solution, evidence=solution.evidence + self.log_odds)

    def choose(self, grid: Floats, rounds: int = ROUNDS) -> tuple[Floats, float]:
        """Return the row of `grid` with the highest evidence, (k + 2,), and that evidence."""
        size = max(1, _MOST_AT_ONCE // max(len(self.values), 1) ** 2)
        parts = np.split(grid, range(size, len(grid), size))
        evidence = np.concatenate([self.solve(part, rounds).evidence for part in parts])
        best = int(np.argmax(evidence))
        return grid[best], float(evidence[best])


def grid_of(*choices: Sequence[float]) -> Floats:
    """Return every combination, (combinations, len(choices))."""
    return np.stack(np.meshgrid(*choices, indexing="ij"), axis=-1).reshape(-1, len(choices))


def spread_rows(count: int, most: int) -> Rows:
    """Return at most `most` of `count` rows, evenly spaced."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.int64)


def starts_of(evidence: Floats, grid: Floats) -> Floats:
    """Return hyperparameters to start from, (s, k + 2), by the evidence (g,) of a grid (g, k + 2).

    For each skew these are the likeliest, and the likeliest in which every part has a share; and
    the middle of the grid, because the evidence may be that of few networks.
    """
    parts, skews = grid[:, :-2], grid[:, -1]
    whole = ((parts > 0) | (parts.max(axis=0) == 0)).all(axis=1)
    starts = [_middle(grid)]
    for skew in np.unique(skews):
        for among in (skews == skew, (skews == skew) & whole):
            starts.append(grid[np.where(among, evidence, -np.inf).argmax()])
    return np.unique(np.stack(starts), axis=0)


def refine(
    problem: VarianceComponents,
    start: Floats,
    step: float,
    skews: Sequence[float],
    rounds: int = ROUNDS,
) -> Floats:
    """Change one hyperparameter (k + 2,) at a time while that raises the evidence."""
    best, scales = float(problem.solve(start[None], rounds).evidence[0]), start
    improved = True
    while improved:
        improved = False
        for place in range(len(scales)):
            tries = _tries(scales, place, step, skews)
            if not len(tries):
                continue
            evidence = problem.solve(tries, rounds).evidence
            if evidence.max() > best + _WORTHWHILE:
                best, scales, improved = float(evidence.max()), tries[evidence.argmax()], True
    return scales


def _middle(grid: Floats) -> Floats:
    """Return the geometric mean of the choices above 0 of each hyperparameter; the least skew."""
    scales = [
        np.exp(np.log(np.unique(column[column > 0])).mean()) if column.any() else 0.0
        for column in grid[:, :-1].T
    ]
    return np.array([*scales, grid[:, -1].min()])


def _tries(scales: Floats, place: int, step: float, skews: Sequence[float]) -> Floats:
    if place == len(scales) - 1:
        values = [skew for skew in skews if skew != scales[place]]
    else:
        now = max(float(scales[place]), _LEAST)
        values = [min(now * step, _MOST), max(now / step, _LEAST)]
        if place < len(scales) - 2 and now * step < _OPEN:
            values.append(_OPEN)
    tries = np.repeat(scales[None], len(values), axis=0)
    tries[:, place] = values
    return tries
