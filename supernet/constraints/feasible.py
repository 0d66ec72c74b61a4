"""Several limits together: which networks meet them, and the cheapest networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.constraints import Constraint
from supernet.space.codes import Codes, Layout

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_CANDIDATES = 1 << 17  # rows drawn at a time, so that what is made on the way stays small
_DESCENTS = 32  # passes over the columns; a descent settles within a few

Propose = Callable[[np.random.Generator, Codes], Codes]
"""Independent candidates, one for each row: of its resolution, of any where that is 0."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that must all be met."""

    limits: tuple[Constraint, ...]

    def met(self, codes: Codes) -> Mask:
        """Which networks are within every limit, (n,)."""
        met = np.ones(len(codes), dtype=np.bool_)
        for limit in self.limits:
            rows = np.flatnonzero(met)
            met[rows] = limit.costs(codes[rows]) <= limit.limit
        return met

    def pressure(self, codes: Codes) -> Floats:
        """Largest share of a limit that each network takes, (n,); above 1 is too much."""
        shares = [limit.costs(codes) / limit.limit for limit in self.limits]
        return np.asarray(np.max(shares, axis=0))


def draw_met(
    propose: Propose,
    limits: Limits,
    rng: np.random.Generator,
    resolutions: Codes,
    chance: float,
) -> Codes:
    """Redraw each row's network until it is within the limits, (n, columns).

    Rejection: a row is the first of independent candidates that meets the limits, so its
    distribution is that of `propose` conditioned on meeting them. `resolutions` (n,) fixes each
    row's resolution, or leaves it open where it is 0; `chance` is about how likely a candidate
    is to be taken, and matters for speed alone. Every row must have a network to find.
    """
    found: Codes | None = None
    waiting, wanted = np.arange(len(resolutions)), 2 / max(chance, 1 / _CANDIDATES)
    while found is None or len(waiting):
        tries = int(np.clip(wanted, 2, max(2, _CANDIDATES // max(1, len(waiting)))))
        wanted *= 2  # what still waits may have a resolution of few networks
        candidates = propose(rng, np.repeat(resolutions[waiting], tries))
        met = limits.met(candidates).reshape(-1, tries)
        if found is None:
            found = np.zeros((len(resolutions), candidates.shape[1]), dtype=np.int16)
        done = met.any(axis=1)
        first = np.flatnonzero(done) * tries + met[done].argmax(axis=1)
        found[waiting[done]] = candidates[first]
        waiting = waiting[~done]
    return found


def uniform(layout: Layout) -> Propose:
    """Candidates whose every choice is uniform and independent."""

    def propose(rng: np.random.Generator, resolutions: Codes) -> Codes:
        codes = layout.sample(rng, len(resolutions))
        codes[:, 0] = np.where(resolutions > 0, resolutions, codes[:, 0])
        return codes

    return propose


def cheapest(layout: Layout, costs: Callable[[Codes], Floats]) -> tuple[Codes, Floats]:
    """Cheapest networks found: one of each resolution, (resolutions, columns), and their costs.

    A descent from the smallest network, changing one choice at a time until none makes it cheaper:
    a network may be cheaper still where only two choices together would lead to it.
    """
    rows, took = [], []
    for resolution in layout.columns[0].values:
        row = smallest(layout, resolution)
        cost = float(costs(row[None])[0])
        for _ in range(_DESCENTS):
            neighbours = _neighbours(layout, row)
            of_them = costs(neighbours)
            best = int(np.argmin(of_them)) if len(of_them) else 0
            if not len(of_them) or not of_them[best] < cost:
                break
            row, cost = neighbours[best], float(of_them[best])
        rows.append(row)
        took.append(cost)
    return np.stack(rows), np.array(took)


def smallest(layout: Layout, resolution: int) -> Codes:
    """Code of every smallest choice at a resolution, (columns,)."""
    return _extreme(layout, resolution, 0)


def largest(layout: Layout, resolution: int) -> Codes:
    """Code of every largest choice at a resolution, (columns,)."""
    return _extreme(layout, resolution, -1)


def sequence(found: Sequence[int]) -> str:
    """Numbers as words: `128 to 224 (25)`, or each of a few."""
    if len(found) > 4:
        return f"{found[0]} to {found[-1]} ({len(found)})"
    return ", ".join(map(str, found))


def _extreme(layout: Layout, resolution: int, which: int) -> Codes:
    row = [resolution, *(column.values[which] for column in layout.columns[1:])]
    (code,) = layout.canonical(np.array([row], dtype=np.int16))
    return np.asarray(code)


def _neighbours(layout: Layout, row: Codes) -> Codes:
    """Networks that differ in one choice from a code, its resolution kept."""
    least = np.array([column.values[0] for column in layout.columns], dtype=np.int16)
    whole = np.where(row == 0, least, row).astype(np.int16)
    rows = []
    for column in range(1, len(layout.columns)):
        for value in layout.columns[column].values:
            changed = whole.copy()
            changed[column] = value
            rows.append(changed)
    return layout.canonical(np.array(rows, dtype=np.int16).reshape(-1, len(row)))
