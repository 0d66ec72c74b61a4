"""The interface of a search strategy: it proposes networks.

A strategy is asked for a generator. It yields codes (n, columns), is sent back what they are worth
(`Scored`, in the same order), and yields again, until it has nothing more to propose. Budgets,
seen networks and what was best are the engine's.
"""

from collections.abc import Generator
from typing import Protocol

import numpy as np

from supernet.search.problem import Problem, Scored
from supernet.space.codes import Codes

Proposals = Generator[Codes, Scored, None]


class Strategy(Protocol):
    """A way to search."""

    @property
    def name(self) -> str:
        """What people call it, and `--strategy` takes."""
        ...

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Begin a search of `problem`; all that is random comes from `rng`."""
        ...
