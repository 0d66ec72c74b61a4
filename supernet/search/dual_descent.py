"""Dual descent: lower bounds under several limits, by moving their prices together.

A line search for each price in turn stops where only two prices at once would lead lower. From
there on, steps are tried in many directions, and made shorter where none leads lower.
"""

import numpy as np

from supernet.search.grid import Floats
from supernet.search.lagrangian_bound import Relaxed, Separable, relax, repeated

_DIRECTIONS = 24  # tried at a time
_FIRST_STEP = 0.25  # of the largest price
_LAST_STEP = 1e-4


def lowered(problem: Separable, relaxed: Relaxed, steps: int) -> Relaxed:
    """Lower the bound of one resolution as far as so many steps do."""
    prices = relaxed.prices[0]
    if len(prices) < 2 or not prices.any():
        return relaxed
    # As each limit's worth is priced, so that all are alike.
    scale = 1.0 / problem.limits
    best, least = prices / scale, float(relaxed.bound[0])
    tried_at_once = repeated(problem, _DIRECTIONS)
    # The same directions for the same problem, whoever asks.
    rng, step = np.random.default_rng(0), _FIRST_STEP * float(best.max())
    last = _LAST_STEP * float(best.max())
    for _ in range(steps):
        ways: Floats = rng.normal(size=(_DIRECTIONS, len(prices)))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        tried = np.maximum(best + step * ways, 0.0)
        bounds = relax(tried_at_once, tried * scale).bound
        lowest = int(bounds.argmin())
        if bounds[lowest] < least:
            best, least = tried[lowest], float(bounds[lowest])
        else:
            step /= 2
            if step < last:
                break
    return relax(problem, (best * scale)[None])
