"""Dual descent: lower the bound under several limits by changing their prices together.

A line search over each price in turn stops where only changing two prices at once lowers the bound.
From there, steps in many directions are tried, and shortened where none lowers the bound.
"""

import numpy as np

from supernet.search.grid import Floats
from supernet.search.lagrangian_bound import Relaxation, Separable, relax, repeated

_DIRECTIONS = 24  # directions per step
_FIRST_STEP = 0.25  # relative to the largest price
_LAST_STEP = 1e-4


def descend(problem: Separable, relaxed: Relaxation, steps: int) -> Relaxation:
    """Lower the bound of one resolution by at most so many steps."""
    prices = relaxed.prices[0]
    if len(prices) < 2 or not prices.any():
        return relaxed
    # Scale prices by the limits, so that all have similar sizes.
    scale = 1.0 / problem.limits
    best, least = prices / scale, float(relaxed.bound[0])
    batch = repeated(problem, _DIRECTIONS)
    # Equal problems use equal directions.
    rng, step = np.random.default_rng(0), _FIRST_STEP * float(best.max())
    last = _LAST_STEP * float(best.max())
    for _ in range(steps):
        directions: Floats = rng.normal(size=(_DIRECTIONS, len(prices)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        candidates = np.maximum(best + step * directions, 0.0)
        bounds = relax(batch, candidates * scale).bound
        lowest = int(bounds.argmin())
        if bounds[lowest] < least:
            best, least = candidates[lowest], float(bounds[lowest])
        else:
            step /= 2
            if step < last:
                break
    return relax(problem, (best * scale)[None])
