"""Partial networks of the exact search: their value, their costs, their choices so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats

Picks = NDArray[np.int16]
Rows = NDArray[np.intp]
_MOST_PAIRS = 500_000
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Built:
    """Beginnings of networks: their values (n,), costs (n, K) and choices (n, choices)."""

    values: Floats
    costs: Floats
    picks: Picks

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: "NDArray[np.bool_] | Rows") -> Self:
        """Return only these rows."""
        return type(self)(self.values[rows], self.costs[rows], self.picks[rows])

    def reduced(self, prices: Floats) -> Floats:
        """Value less prices (K,) times costs, (n,)."""
        return self.values - self.costs @ prices

    @classmethod
    def joined(cls, parts: "Sequence[Self]") -> Self:
        """All of them, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([one.values for one in parts]),
            np.concatenate([one.costs for one in parts]),
            np.concatenate([one.picks for one in parts]),
        )

    @classmethod
    def none(cls, costs: int, picks: int) -> Self:
        """No beginning, with so many costs and picks."""
        return cls(np.zeros(0), np.zeros((0, costs)), np.zeros((0, picks), dtype=np.int16))

    def undominated(self) -> Self:
        """Those that nothing is as cheap as and better than, or as good as and cheaper than.

        Of one cost at most.
        """
        costs = self.costs[:, 0] if self.costs.shape[1] else np.zeros(len(self))
        order = np.lexsort([-self.values, costs])
        values = self.values[order]
        kept = np.ones(len(order), dtype=np.bool_)
        kept[1:] = values[1:] > np.maximum.accumulate(values)[:-1]
        return self.take(order[kept])


@dataclass(frozen=True, slots=True)
class PartialBounds:
    """What a beginning must reach: `least` of its reduced value, costs within `limits` (K,)."""

    prices: Floats
    limits: Floats
    least: float

    def pairs(self, one: Built, other: Built, more: float) -> tuple[Built, bool]:
        """Each of one followed by each of the other, where that reaches what is asked.

        `more` is the best reduced value of all the rest. Where there are very many, those of the
        highest reduced values are taken, and True is returned with them.
        """
        rows, columns, cut = _high_pairs(
            one.reduced(self.prices), other.reduced(self.prices), self.least - more
        )
        costs = one.costs[rows] + other.costs[columns]
        fits = (costs <= self.limits).all(axis=1)
        rows, columns = rows[fits], columns[fits]
        picks = np.concatenate([one.picks[rows], other.picks[columns]], axis=1)
        return Built(one.values[rows] + other.values[columns], costs[fits], picks), cut


def _high_pairs(one: Floats, other: Floats, least: float) -> tuple[Rows, Rows, bool]:
    """Places of the pairs whose sum is at least `least`, found without making the others."""
    order = np.argsort(-other, kind="stable")
    falling = -other[order]

    def counts(asked: float) -> Rows:
        return np.asarray(np.searchsorted(falling, one - asked, side="right"))

    found = counts(least)
    cut = int(found.sum()) > _MOST_PAIRS
    if cut:
        low, high = least, float(one.max() + other.max())
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            too_many = int(counts(middle).sum()) > _MOST_PAIRS
            low, high = (middle, high) if too_many else (low, middle)
        found = counts(low)
        before = np.cumsum(found) - found
        found = np.clip(_MOST_PAIRS - before, 0, found)
    rows = np.repeat(np.arange(len(one)), found)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(found) - found, found)
    return rows, order[columns], cut
