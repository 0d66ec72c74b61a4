"""`FocusedDraws`: train the best or worst of networks with similar cost (AttentiveNAS).

As in AttentiveNAS (Wang et al., CVPR 2021), the candidate of highest (best-up) or lowest (worst-up)
predicted accuracy is trained among candidates of similar cost. AttentiveNAS draws a target cost and
candidates near it; here all candidates of an epoch with one resolution are sorted by cost, and
neighbours compete. This preserves the distributions of costs and of resolutions.
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
CANDIDATES = 3  # per trained network


@dataclass(frozen=True, kw_only=True)
class FocusedDraws:
    """Selects the best or worst predicted of `candidates` networks with similar `costs`.

    `estimate` learns from training losses and may be replaced between plans by
    `dataclasses.replace`; `accuracy`, where given, is used instead. Without any data, the draws are
    not changed.
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
        """Describe how networks are chosen in one line."""
        source = "training losses" if self.accuracy is None else "the accuracy predictor"
        return f"{self.how}: the {'best' if self.how == HOW[0] else 'worst'} of " + (
            f"{self.candidates} of similar cost, by {source}"
        )

    def _winners(self, pool: Codes) -> Codes:
        """Select one of each `candidates` neighbours in cost, of networks (n, columns)."""
        order = np.argsort(self.costs(pool), kind="stable")
        groups = order.reshape(-1, self.candidates)
        values = self._predicted_value(pool)[groups]
        selected = values.argmax(axis=1) if self.how == HOW[0] else values.argmin(axis=1)
        return np.asarray(pool[groups[np.arange(len(groups)), selected]])

    def _predicted_value(self, codes: Codes) -> Floats:
        if self.accuracy is not None:
            return self.accuracy(codes)
        return -self.estimate.predict(codes)
