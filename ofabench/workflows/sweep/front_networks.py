"""Networks near the Pareto front: the largest among those with similar latency."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from supernet.space.codes import Codes
from supernet.space.space import ArchConfig, SearchSpace

Floats = NDArray[np.float64]

DRAWN, GENERATIONS, PARENTS, CHANGE = 600, 3, 150, 0.1


def front_networks(
    space: SearchSpace,
    rng: np.random.Generator,
    costs_ms: Mapping[BlockSpec, float],
    count: int,
    resolutions: Sequence[int] | None = None,
) -> list[ArchConfig]:
    """Return up to `count` networks near the front of MACs against latency, over all latencies.

    A search under a limit returns networks that are accurate for their latency. Here MACs stand for
    the accuracy, which is not known yet, and sums of the blocks' `costs_ms` for the latency. Random
    networks, and mutations of the best of them, are ranked within intervals of latency.
    """
    codes = space.sample_codes(rng, DRAWN, resolutions)
    for _ in range(GENERATIONS):
        best = codes[_best(space, codes, costs_ms, PARENTS)]
        changed = [space.mutate_codes(best, rng, CHANGE, resolutions) for _ in range(2)]
        codes = np.unique(np.concatenate([codes, *changed]), axis=0)
    return space.decode(codes[_best(space, codes, costs_ms, count)])


def _best(
    space: SearchSpace, codes: Codes, costs_ms: Mapping[BlockSpec, float], count: int
) -> list[int]:
    """Rows of the networks with most MACs in each of `count` intervals of latency."""
    ms, macs = _sums(space, codes, costs_ms)
    edges = np.linspace(np.log(ms.min()), np.log(ms.max()), count + 1)
    interval = np.clip(np.searchsorted(edges, np.log(ms), side="right") - 1, 0, count - 1)
    order = np.lexsort((ms, -macs, interval))
    _, first = np.unique(interval[order], return_index=True)
    return [int(row) for row in order[first]]


def _sums(
    space: SearchSpace, codes: Codes, costs_ms: Mapping[BlockSpec, float]
) -> tuple[Floats, Floats]:
    """Milliseconds and MACs of each network, (n,), summed over its blocks."""
    ms, macs = np.zeros(len(codes)), np.zeros(len(codes))
    for position in space.choices:
        values, row_of = np.unique(codes[:, position.columns], axis=0, return_inverse=True)
        options = dict(position.options)
        blocks_of = [options[tuple(code)] for code in values.tolist()]
        ms += np.array([sum(costs_ms[block] for block in blocks) for blocks in blocks_of])[
            row_of.ravel()
        ]
        macs += np.array([float(sum(block.macs for block in blocks)) for blocks in blocks_of])[
            row_of.ravel()
        ]
    return ms, macs
