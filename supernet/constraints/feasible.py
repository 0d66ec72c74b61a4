"""Networks that meet several limits, and the cheapest networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.constraints import Constraint
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_CANDIDATES = 1 << 17  # rows drawn at a time, which bounds the memory
_DESCENTS = 32  # steps of a descent, which converges within a few

Propose = Callable[[np.random.Generator, Codes], Codes]
"""Draws independent candidates, one per row: of its resolution, or of any where that is 0."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that a network must all meet."""

    limits: tuple[Constraint, ...]

    def met(self, codes: Codes) -> Mask:
        """Return which networks meet every limit, (n,)."""
        met = np.ones(len(codes), dtype=np.bool_)
        for limit in self.limits:
            rows = np.flatnonzero(met)
            met[rows] = limit.costs(codes[rows]) <= limit.limit
        return met

    def largest_ratio(self, codes: Codes) -> Floats:
        """Return each network's largest ratio of cost to limit, (n,); above 1 exceeds a limit."""
        shares = [limit.costs(codes) / limit.limit for limit in self.limits]
        return np.asarray(np.max(shares, axis=0))


def draw_within_limits(
    propose: Propose,
    limits: Limits,
    rng: np.random.Generator,
    resolutions: Codes,
    chance: float,
) -> Codes:
    """Draw a network within the limits for each row, (n, columns), by rejection sampling.

    A row is the first of independent candidates that meets the limits, so its distribution is that
    of `propose` conditioned on the limits. `resolutions` (n,) fixes the resolution of each row, or
    leaves it free where it is 0. `chance` is an estimate of the acceptance rate and affects only
    the speed. A network within the limits must exist for every row.
    """
    result: Codes | None = None
    waiting, expected_tries = np.arange(len(resolutions)), 2 / max(chance, 1 / _CANDIDATES)
    while result is None or len(waiting):
        tries = int(np.clip(expected_tries, 2, max(2, _CANDIDATES // max(1, len(waiting)))))
        expected_tries *= 2  # the remaining rows may have resolutions with few such networks
        candidates = propose(rng, np.repeat(resolutions[waiting], tries))
        met = limits.met(candidates).reshape(-1, tries)
        if result is None:
            result = np.zeros((len(resolutions), candidates.shape[1]), dtype=np.int16)
        done = met.any(axis=1)
        first = np.flatnonzero(done) * tries + met[done].argmax(axis=1)
        result[waiting[done]] = candidates[first]
        waiting = waiting[~done]
    return result


def uniform(layout: Layout) -> Propose:
    """Return a proposal of networks whose choices are uniform and independent."""

    def propose(rng: np.random.Generator, resolutions: Codes) -> Codes:
        codes = layout.sample(rng, len(resolutions))
        codes[:, 0] = np.where(resolutions > 0, resolutions, codes[:, 0])
        return codes

    return propose


def cheapest(layout: Layout, costs: Callable[[Codes], Floats]) -> tuple[Codes, Floats]:
    """Return the cheapest network of each resolution, (resolutions, columns), and their costs.

    It descends from the smallest network by single changes until none reduces the cost, so it may
    miss a cheaper network that needs two changes at once.
    """
    rows, least_costs = [], []
    for resolution in layout.columns[0].values:
        row = smallest(layout, resolution)
        cost = float(costs(row[None])[0])
        for _ in range(_DESCENTS):
            neighbours = _neighbours(layout, row)
            neighbour_costs = costs(neighbours)
            best = int(np.argmin(neighbour_costs)) if len(neighbour_costs) else 0
            if not len(neighbour_costs) or not neighbour_costs[best] < cost:
                break
            row, cost = neighbours[best], float(neighbour_costs[best])
        rows.append(row)
        least_costs.append(cost)
    return np.stack(rows), np.array(least_costs)


def smallest(layout: Layout, resolution: int) -> Codes:
    """Return the code of the smallest choices at a resolution, (columns,)."""
    return _extreme(layout, resolution, 0)


def largest(layout: Layout, resolution: int) -> Codes:
    """Return the code of the largest choices at a resolution, (columns,)."""
    return _extreme(layout, resolution, -1)


def sequence(numbers: Sequence[int]) -> str:
    """Format numbers: `128 to 224 (25)`, or all of them where they are few."""
    if len(numbers) > 4:
        return f"{numbers[0]} to {numbers[-1]} ({len(numbers)})"
    return ", ".join(map(str, numbers))


def _extreme(layout: Layout, resolution: int, index: int) -> Codes:
    row = [resolution, *(column.values[index] for column in layout.columns[1:])]
    (code,) = layout.canonical(np.array([row], dtype=np.int16))
    return np.asarray(code)


def _neighbours(layout: Layout, row: Codes) -> Codes:
    """Return the networks of the same resolution that differ from a code in one choice."""
    smallest_values = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
    complete = np.where(row == 0, smallest_values, row).astype(np.int16)
    rows = []
    for column in range(1, len(layout.columns)):
        for value in layout.columns[column].values:
            changed = complete.copy()
            changed[column] = value
            rows.append(changed)
    return layout.canonical(np.array(rows, dtype=np.int16).reshape(-1, len(row)))
