"""Networks within limits that are too tight to draw and too coupled to count: a random walk.

Metropolis: each choice is redrawn with some chance, and a step that leaves the limits is not
taken. Redrawing is reversible under uniform draws, so the walk's own distribution is the uniform
one restricted to networks within the limits. What a walk of finite length gives is near that, not
it: a region that only long detours lead to may be missed, and a step's networks, which start from
its first, are somewhat alike.
"""

from dataclasses import dataclass

import numpy as np

from supernet.codes import Codes, Layout
from supernet.sampling.feasible import Limits

_WALKERS = 512
_SETTLING = 400  # moves of every walker before the first plan
_MOVES = 60  # between a start and what is drawn from it
_CHANCES = (0.02, 0.05, 0.1, 0.3)  # that a move redraws a choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Networks (walkers, columns) from which each plan starts, all within the limits."""

    layout: Layout
    limits: Limits
    walkers: Codes

    @classmethod
    def settled(cls, layout: Layout, limits: Limits, starts: Codes) -> "Walk":
        """Walk from networks within the limits, (n, columns), until they have spread."""
        rng = np.random.default_rng(0)
        walkers = starts[np.arange(_WALKERS) % len(starts)]
        walk = cls(layout=layout, limits=limits, walkers=walkers)
        return cls(
            layout=layout, limits=limits, walkers=walk.moved(rng, walkers, _SETTLING, keep=False)
        )

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns), see `Draws.plan`."""
        starts = self.walkers[rng.integers(len(self.walkers), size=steps)]
        firsts = self.moved(rng, starts, _MOVES, keep=False)
        others = self.moved(rng, np.repeat(firsts, subnets - 1, axis=0), _MOVES, keep=True)
        return np.concatenate(
            [firsts[:, None], others.reshape(steps, subnets - 1, firsts.shape[1])], axis=1
        )

    def moved(self, rng: np.random.Generator, codes: Codes, moves: int, *, keep: bool) -> Codes:
        """Move each network (n, columns) `moves` times; `keep` leaves its resolution."""
        for chance in rng.choice(_CHANCES, size=moves):
            fresh = self.layout.mutate(codes, rng, float(chance))
            if keep:
                fresh[:, 0] = codes[:, 0]
            codes = np.where(self.limits.met(fresh)[:, None], fresh, codes)
        return codes
