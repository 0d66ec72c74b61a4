"""`Draws`: sub-networks of an epoch, drawn before it starts; and OFA's uniform draws."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from supernet.space.codes import Codes, Layout


class Draws(Protocol):
    """Draws sub-networks for training steps."""

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw canonical codes int16 (steps, subnets, columns); a step has one resolution.

        `rng` is the only source of randomness: equal generators give equal plans.
        """
        ...


@dataclass(frozen=True, slots=True)
class UniformDraws:
    """Uniform, independent choices (OFA, Cai et al., ICLR 2020), with one resolution per step."""

    layout: Layout = field(repr=False)

    def plan(self, rng: np.random.Generator, steps: int, subnets: int) -> Codes:
        """Draw (steps, subnets, columns) codes, see `Draws.plan`."""
        codes = self.layout.sample(rng, steps * subnets).reshape(steps, subnets, -1)
        codes[:, :, 0] = codes[:, :1, 0]  # the resolution of the step's first network
        return codes

    def describe(self) -> str:
        """Describe how networks are drawn in one line."""
        return f"uniform, {len(self.layout.columns[0].values)} resolutions"
