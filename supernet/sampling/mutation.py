"""Draws within limits too tight to sample and too coupled to count: a random walk.

Metropolis: each choice is redrawn with some chance, and a step that leaves the limits is not
taken. Redrawing is reversible under uniform draws, so the walk's own distribution is the uniform
one restricted to networks within the limits. What a walk of finite length gives is near that, not
it: regions weigh by how many walkers came down into them, where the limits leave no way between.
"""

from dataclasses import dataclass

import numpy as np

from supernet.constraints.feasible import Limits, cheapest
from supernet.space.codes import Codes, Layout

_WALKERS = 512
_SETTLING = 400  # moves of every walker down into the limits, and as many within them
_MOVES = 60  # between a start and what is drawn from it
_CHANCES = (0.02, 0.05, 0.1, 0.3)  # that a move redraws a choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Networks (walkers, columns) from which each plan starts, all within the limits."""

    layout: Layout
    limits: Limits
    walkers: Codes

    @classmethod
    def settled(cls, layout: Layout, limits: Limits) -> "Walk | None":
        """Come down from random networks into the limits and walk there; None if none arrives.

        Always the same walkers for the same limits.
        """
        rng = np.random.default_rng(0)
        at_random = _come_down(layout, limits, rng, layout.sample(rng, _WALKERS))
        found = np.concatenate([at_random, cheapest(layout, limits.pressure)[0]])
        found = found[limits.met(found)][:_WALKERS]
        if not len(found):
            return None
        walk = cls(layout=layout, limits=limits, walkers=found)
        return cls(
            layout=layout, limits=limits, walkers=walk._moved(rng, found, _SETTLING, keep=False)
        )

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns), see `Draws.plan`."""
        starts = self.walkers[rng.integers(len(self.walkers), size=steps)]
        firsts = self._moved(rng, starts, _MOVES, keep=False)
        others = np.repeat(firsts, subnets - 1, axis=0)
        for resolution in np.unique(others[:, 0]):
            alike = self.walkers[self.walkers[:, 0] == resolution]
            rows = np.flatnonzero(others[:, 0] == resolution)
            if len(alike):  # else they start from the step's first network
                others[rows] = alike[rng.integers(len(alike), size=len(rows))]
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


def _come_down(layout: Layout, limits: Limits, rng: np.random.Generator, codes: Codes) -> Codes:
    """Move networks so that the limit that is exceeded most is exceeded by less and less."""
    pressure = limits.pressure(codes)
    for chance in rng.choice(_CHANCES, size=_SETTLING):
        fresh = layout.mutate(codes, rng, float(chance))
        of_fresh = limits.pressure(fresh)
        taken = of_fresh <= np.maximum(pressure, 1.0)
        codes = np.where(taken[:, None], fresh, codes)
        pressure = np.where(taken, of_fresh, pressure)
    return codes
