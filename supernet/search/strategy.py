"""Interface of a search strategy, which proposes networks.

A strategy returns a generator that yields codes (n, columns), receives their figures (`Scored`, in
the same order), and yields again, until it has no more proposals. The engine manages budgets,
evaluated networks and the best network.
"""

from collections.abc import Generator
from typing import Protocol

import numpy as np

from supernet.search.problem import Problem, Scored
from supernet.space.codes import Codes

Proposals = Generator[Codes, Scored, None]


class Strategy(Protocol):
    """Search strategy."""

    @property
    def name(self) -> str:
        """The name in texts and in `--strategy`."""
        ...

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Start a search of `problem`; `rng` is the only source of randomness."""
        ...
