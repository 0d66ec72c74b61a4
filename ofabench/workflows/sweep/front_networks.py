"""Networks such as a search finds: the largest of those with equal latency."""

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
    """Up to `count` networks near the front of MACs against latency, spread over the latencies.

    A search under a limit finds networks that are accurate for their latency; MACs stand for
    accuracy, of which nothing is known yet, and `costs_ms` of the blocks for latency. Random
    networks, and changed ones of the best of them, are ranked within their stretch of latency.
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
    """Rows of the network of most MACs in each of `count` stretches of latency."""
    ms, macs = _sums(space, codes, costs_ms)
    edges = np.linspace(np.log(ms.min()), np.log(ms.max()), count + 1)
    stretch = np.clip(np.searchsorted(edges, np.log(ms), side="right") - 1, 0, count - 1)
    order = np.lexsort((ms, -macs, stretch))
    _, first = np.unique(stretch[order], return_index=True)
    return [int(row) for row in order[first]]


def _sums(
    space: SearchSpace, codes: Codes, costs_ms: Mapping[BlockSpec, float]
) -> tuple[Floats, Floats]:
    """Milliseconds and MACs of each network, (n,), summed over its blocks."""
    ms, macs = np.zeros(len(codes)), np.zeros(len(codes))
    for position in space.choices:
        values, row_of = np.unique(codes[:, position.columns], axis=0, return_inverse=True)
        options = dict(position.options)
        held = [options[tuple(one)] for one in values.tolist()]
        ms += np.array([sum(costs_ms[b] for b in blocks) for blocks in held])[row_of.ravel()]
        macs += np.array([float(sum(b.macs for b in blocks)) for blocks in held])[row_of.ravel()]
    return ms, macs
