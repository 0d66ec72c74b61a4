"""Find resolutions where a weighted sum of limits proves that no network meets all of them.

For any weights of sum 1, the weighted sum of cost / limit of a feasible network is at most 1. If
the minimum of this sum, computed choice by choice, exceeds 1, no network is feasible.
"""

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.search.lagrangian_bound import Separable, relax, repeated

_WEIGHTS = 48  # weights per iteration
_ITERATIONS = 3
_SLIP = 1e-9


def infeasible_resolutions(
    grid: Grid, costs: tuple[GridSum, ...], limits: Floats
) -> NDArray[np.bool_]:
    """Return resolutions (R,) proven to have no feasible network; others may have none too."""
    resolutions = len(grid.resolutions)
    if not costs:
        return np.zeros(resolutions, dtype=np.bool_)
    problem = Separable(grid=grid, value=_zero(costs[0]), costs=costs, limits=limits)
    batch, rng = repeated(problem, _WEIGHTS), np.random.default_rng(0)
    best = np.full((resolutions, len(costs)), 1.0 / len(costs))
    for iteration in range(_ITERATIONS):
        # Random weights first, then weights near the best.
        drawn = rng.dirichlet(np.ones(len(costs)), size=(resolutions, _WEIGHTS))
        weights = best[:, None] + (drawn - best[:, None]) * 0.25**iteration
        weights[:, 0] = best
        bound = relax(batch, weights.reshape(-1, len(costs)) / limits).bound
        bound = bound.reshape(resolutions, _WEIGHTS)
        lowest = bound.argmin(axis=1)
        best = weights[np.arange(resolutions), lowest]
    return np.asarray(bound.min(axis=1) < -_SLIP)


def _zero(like: GridSum) -> GridSum:
    """Return a sum that is 0 for all choices."""
    stages = [
        StageParts(depths=np.zeros((1, 1, 1, stage.depths.shape[3])), blocks=0 * stage.blocks[:1])
        for stage in like.stages
    ]
    return GridSum(base=0 * like.base, entry=np.zeros((1, 1)), stages=tuple(stages))
