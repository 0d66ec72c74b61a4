"""Baseline strategies: random networks, or all networks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import ClassVar

import numpy as np

from bench.errors import InputError
from supernet.search.problem import Problem
from supernet.search.strategy import Proposals
from supernet.space.codes import Layout

MOST_NETWORKS = 5_000_000  # largest number of networks for exhaustive search


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearch:
    """Uniform random networks, `batch` at a time: the baseline of all strategies."""

    name: ClassVar[str] = "random"

    batch: int = 100

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Draw without end."""
        while True:
            yield problem.layout.sample(rng, self.batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustive:
    """Every network of a small space, `batch` at a time."""

    name: ClassVar[str] = "exhaustive"

    batch: int = 8192

    def propose(self, problem: Problem, rng: np.random.Generator) -> Proposals:
        """Propose all networks; `InputError` where there are too many."""
        del rng
        layout = problem.layout
        networks = layout.count() * len(layout.columns[0].values)
        if networks > MOST_NETWORKS:
            raise InputError(
                f"{problem.space.name} has {networks:.3g} networks, at most {MOST_NETWORKS:,} can "
                "be tried one by one; take another strategy, or fewer resolutions"
            )
        rows = every_network(layout)
        while batch := list(islice(rows, self.batch)):
            yield np.array(batch, dtype=np.int16)


def every_network(layout: Layout) -> Iterator[list[int]]:
    """Yield the canonical code of each network once."""
    widths = [column.values for column in layout.columns[layout.width_start :]]
    for resolution in layout.columns[0].values:
        for depths in product(*(c.values for c in layout.columns[1 : layout.kernel_start])):
            present = [depths[stage] > index for stage, index in layout.slots]
            choices = [
                column.values if present[slot % len(present)] else (0,)
                for slot, column in enumerate(
                    layout.columns[layout.kernel_start : layout.width_start]
                )
            ]
            for choice in product(*choices, *widths):
                yield [resolution, *depths, *choice]
