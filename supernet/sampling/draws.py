"""`Draws`: an epoch's sub-networks, drawn before it starts; and the draws of OFA, all uniform."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from supernet.space.codes import Codes, Layout


class Draws(Protocol):
    """Sub-networks for training steps."""

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns) int16 codes; all of one step share one resolution.

        Canonical codes. All that is random comes from `rng`: equal generators give equal plans.
        """
        ...


@dataclass(frozen=True, slots=True)
class UniformDraws:
    """Each choice uniform and independent (OFA, Cai et al., ICLR 2020), a resolution a step."""

    layout: Layout = field(repr=False)

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns) codes, see `Draws.plan`."""
        codes = self.layout.sample(rng, steps * subnets).reshape(steps, subnets, -1)
        codes[:, :, 0] = codes[:, :1, 0]  # that of a step's first network
        return codes

    def describe(self) -> str:
        """How networks are drawn, in one line."""
        return f"uniform, {len(self.layout.columns[0].values)} resolutions"
