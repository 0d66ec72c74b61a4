"""Infeasible resolutions: those where prices show that no network meets all limits.

With limits' shares added up at any weights, a network within all of them comes to 1 at most. Where
the cheapest by such a sum, found choice by choice, comes to more, no network is within them all.
"""

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats, Grid, GridSum, StageParts
from supernet.search.lagrangian_bound import Separable, relax, repeated

_WEIGHTS = 48  # tried at a time
_ROUNDS = 3
_SLIP = 1e-9


def hopeless(grid: Grid, costs: tuple[GridSum, ...], limits: Floats) -> NDArray[np.bool_]:
    """At which resolutions (R,) no network keeps all limits; others may have none either."""
    resolutions = len(grid.resolutions)
    if not costs:
        return np.zeros(resolutions, dtype=np.bool_)
    problem = Separable(grid=grid, value=_nothing(costs[0]), costs=costs, limits=limits)
    many, rng = repeated(problem, _WEIGHTS), np.random.default_rng(0)
    best = np.full((resolutions, len(costs)), 1.0 / len(costs))
    for round_ in range(_ROUNDS):
        # Of all weights at first, then of those near the best.
        near = rng.dirichlet(np.ones(len(costs)), size=(resolutions, _WEIGHTS))
        tried = best[:, None] + (near - best[:, None]) * 0.25**round_
        tried[:, 0] = best
        bound = relax(many, tried.reshape(-1, len(costs)) / limits).bound
        bound = bound.reshape(resolutions, _WEIGHTS)
        lowest = bound.argmin(axis=1)
        best = tried[np.arange(resolutions), lowest]
    return np.asarray(bound.min(axis=1) < -_SLIP)


def _nothing(like: GridSum) -> GridSum:
    """A value that is 0 whatever is chosen."""
    stages = [
        StageParts(depths=np.zeros((1, 1, 1, stage.depths.shape[3])), blocks=0 * stage.blocks[:1])
        for stage in like.stages
    ]
    return GridSum(base=0 * like.base, entry=np.zeros((1, 1)), stages=tuple(stages))
