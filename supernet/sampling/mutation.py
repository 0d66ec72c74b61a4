"""Draw within limits that are too tight for rejection and cannot be counted, by a random walk.

Metropolis algorithm: each choice is redrawn with some probability, and moves that leave the limits
are rejected. Redrawing is reversible under uniform draws, so the stationary distribution is uniform
over the networks within the limits. A finite walk only approximates it: regions that are not
connected within the limits are weighted by the number of walkers that reached them.
"""

from dataclasses import dataclass

import numpy as np

from supernet.constraints.feasible import Limits, cheapest
from supernet.space.codes import Codes, Layout

_WALKERS = 512
_BURN_IN = 400  # moves of every walker towards the limits, and as many within them
_MOVES = 60  # moves between a start and the network drawn from it
_CHANCES = (0.02, 0.05, 0.1, 0.3)  # probabilities that a move redraws a choice


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWalk:
    """Random walk; `walkers` (walkers, columns) are start networks, all within the limits."""

    layout: Layout
    limits: Limits
    walkers: Codes

    @classmethod
    def burned_in(cls, layout: Layout, limits: Limits) -> "RandomWalk | None":
        """Move random networks into the limits and walk there; None if no network gets there.

        The walkers are deterministic for the same limits.
        """
        rng = np.random.default_rng(0)
        candidates = _descend(layout, limits, rng, layout.sample(rng, _WALKERS))
        walkers = np.concatenate([candidates, cheapest(layout, limits.largest_ratio)[0]])
        walkers = walkers[limits.met(walkers)][:_WALKERS]
        if not len(walkers):
            return None
        walk = cls(layout=layout, limits=limits, walkers=walkers)
        return cls(
            layout=layout, limits=limits, walkers=walk._moved(rng, walkers, _BURN_IN, keep=False)
        )

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns), see `Draws.plan`."""
        starts = self.walkers[rng.integers(len(self.walkers), size=steps)]
        firsts = self._moved(rng, starts, _MOVES, keep=False)
        others = np.repeat(firsts, subnets - 1, axis=0)
        for resolution in np.unique(others[:, 0]):
            same_resolution = self.walkers[self.walkers[:, 0] == resolution]
            rows = np.flatnonzero(others[:, 0] == resolution)
            if len(same_resolution):  # otherwise they start from the first network of the step
                others[rows] = same_resolution[rng.integers(len(same_resolution), size=len(rows))]
        others = self._moved(rng, others, _MOVES, keep=True)
        return np.concatenate(
            [firsts[:, None], others.reshape(steps, subnets - 1, firsts.shape[1])], axis=1
        )

    def _moved(self, rng: np.random.Generator, codes: Codes, moves: int, *, keep: bool) -> Codes:
        """Move each network (n, columns) `moves` times; `keep` leaves its resolution."""
        for chance in rng.choice(_CHANCES, size=moves):
            fresh = self.layout.mutate(codes, rng, float(chance))
            if keep:
                fresh[:, 0] = codes[:, 0]
            codes = np.where(self.limits.met(fresh)[:, None], fresh, codes)
        return codes


def _descend(layout: Layout, limits: Limits, rng: np.random.Generator, codes: Codes) -> Codes:
    """Move networks so that the largest ratio of cost to limit decreases."""
    ratio = limits.largest_ratio(codes)
    for chance in rng.choice(_CHANCES, size=_BURN_IN):
        fresh = layout.mutate(codes, rng, float(chance))
        fresh_ratio = limits.largest_ratio(fresh)
        accepted = fresh_ratio <= np.maximum(ratio, 1.0)
        codes = np.where(accepted[:, None], fresh, codes)
        ratio = np.where(accepted, fresh_ratio, ratio)
    return codes
