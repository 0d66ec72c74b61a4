"""`FocusedDraws`: attention to the best or worst of networks with similar cost (AttentiveNAS).

In the manner of AttentiveNAS (Wang et al., CVPR 2021): among candidates of like cost the one of
highest (best-up) or lowest (worst-up) predicted accuracy is trained. There a target cost is drawn
and candidates are sought near it; here all candidates of an epoch that have one resolution are put
in order of cost, and neighbours compete. So costs keep the distribution that the draws have, and
resolutions, which all of a step share, do too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.constraints.constraints import Costs
from supernet.sampling.draws import Draws
from supernet.sampling.estimate import LossEstimate
from supernet.space.codes import Codes

Floats = NDArray[np.float64]
HOW = ("best-up", "worst-up")
CANDIDATES = 3  # for each network drawn


@dataclass(frozen=True, kw_only=True)
class FocusedDraws:
    """Of `candidates` networks of like `costs`, the best or the worst by what is predicted.

    `estimate` learns from training's own losses and may be replaced between plans by
    `dataclasses.replace`; `accuracy`, where given, is asked instead. While neither knows anything
    the draws are left as they are.
    """

    draws: Draws
    estimate: LossEstimate
    costs: Costs = field(repr=False)
    how: str = "best-up"
    candidates: int = CANDIDATES
    accuracy: Callable[[Codes], Floats] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.how not in HOW:
            raise InputError(f"focus is {self.how!r}, expected {' or '.join(HOW)}")
        if self.candidates < 2:
            raise InputError(
                f"focus has {self.candidates} candidates for each network, expected 2 or more"
            )

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns) codes, see `Draws.plan`."""
        if self.accuracy is None and not self.estimate.seen:
            return self.draws.plan(rng, steps, subnets)
        pool = self.draws.plan(rng, steps, subnets * self.candidates)
        plan = np.empty((steps, subnets, pool.shape[2]), dtype=np.int16)
        for resolution in np.unique(pool[:, 0, 0]):
            rows = np.flatnonzero(pool[:, 0, 0] == resolution)
            chosen = self._winners(pool[rows].reshape(-1, pool.shape[2]))
            plan[rows] = rng.permutation(chosen).reshape(len(rows), subnets, -1)
        return plan

    def describe(self) -> str:
        """How networks are chosen, in one line."""
        by = "training losses" if self.accuracy is None else "the accuracy predictor"
        return f"{self.how}: the {'best' if self.how == HOW[0] else 'worst'} of " + (
            f"{self.candidates} of like cost, by {by}"
        )

    def _winners(self, pool: Codes) -> Codes:
        """One of each `candidates` neighbours in cost, of networks (n, columns)."""
        order = np.argsort(self.costs(pool), kind="stable")
        groups = order.reshape(-1, self.candidates)
        worth = self._worth(pool)[groups]
        best = worth.argmax(axis=1) if self.how == HOW[0] else worth.argmin(axis=1)
        return np.asarray(pool[groups[np.arange(len(groups)), best]])

    def _worth(self, codes: Codes) -> Floats:
        if self.accuracy is not None:
            return self.accuracy(codes)
        return -self.estimate.predict(codes)
