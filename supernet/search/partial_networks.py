"""Partial networks of the exact search: values, costs and choices so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Floats

Choices = NDArray[np.int16]
Rows = NDArray[np.intp]
_MOST_PAIRS = 500_000
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class PartialNetworks:
    """Partial networks: values (n,), costs (n, K) and choices (n, choices)."""

    values: Floats
    costs: Floats
    choices: Choices

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: "NDArray[np.bool_] | Rows") -> Self:
        """Return only these rows."""
        return type(self)(self.values[rows], self.costs[rows], self.choices[rows])

    def reduced(self, prices: Floats) -> Floats:
        """Return values minus prices (K,) times costs, (n,)."""
        return self.values - self.costs @ prices

    @classmethod
    def concatenated(cls, parts: "Sequence[Self]") -> Self:
        """Concatenate them in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.costs for part in parts]),
            np.concatenate([part.choices for part in parts]),
        )

    @classmethod
    def empty(cls, costs: int, choices: int) -> Self:
        """Return an empty set with so many costs and choices."""
        return cls(np.zeros(0), np.zeros((0, costs)), np.zeros((0, choices), dtype=np.int16))

    def undominated(self) -> Self:
        """Return those on the Pareto front of value and cost.

        There may be at most one cost.
        """
        costs = self.costs[:, 0] if self.costs.shape[1] else np.zeros(len(self))
        order = np.lexsort([-self.values, costs])
        values = self.values[order]
        on_front = np.ones(len(order), dtype=np.bool_)
        on_front[1:] = values[1:] > np.maximum.accumulate(values)[:-1]
        return self.take(order[on_front])


@dataclass(frozen=True, slots=True)
class PartialBounds:
    """Bounds of partial networks: reduced value of at least `least`, costs within `limits` (K,)."""

    prices: Floats
    limits: Floats
    least: float

    def pairs(
        self, first: PartialNetworks, second: PartialNetworks, remaining_value: float
    ) -> tuple[PartialNetworks, bool]:
        """Combine each of `first` with each of `second`, where the result is within the bounds.

        `remaining_value` is the best reduced value of all remaining choices. Very many pairs are
        truncated to those with the highest reduced values, and the second result is True.
        """
        rows, columns, truncated = _high_pairs(
            first.reduced(self.prices), second.reduced(self.prices), self.least - remaining_value
        )
        costs = first.costs[rows] + second.costs[columns]
        feasible = (costs <= self.limits).all(axis=1)
        rows, columns = rows[feasible], columns[feasible]
        choices = np.concatenate([first.choices[rows], second.choices[columns]], axis=1)
        return PartialNetworks(
            first.values[rows] + second.values[columns], costs[feasible], choices
        ), truncated


def _high_pairs(first: Floats, second: Floats, least: float) -> tuple[Rows, Rows, bool]:
    """Return indices of the pairs whose sum is at least `least`, without forming the others."""
    order = np.argsort(-second, kind="stable")
    negated = -second[order]

    def counts(minimum: float) -> Rows:
        return np.asarray(np.searchsorted(negated, first - minimum, side="right"))

    pair_counts = counts(least)
    truncated = int(pair_counts.sum()) > _MOST_PAIRS
    if truncated:
        low, high = least, float(first.max() + second.max())
        for _ in range(_HALVINGS):
            threshold = (low + high) / 2
            too_many = int(counts(threshold).sum()) > _MOST_PAIRS
            low, high = (threshold, high) if too_many else (low, threshold)
        pair_counts = counts(low)
        offsets = np.cumsum(pair_counts) - pair_counts
        pair_counts = np.clip(_MOST_PAIRS - offsets, 0, pair_counts)
    rows = np.repeat(np.arange(len(first)), pair_counts)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(pair_counts) - pair_counts, pair_counts)
    return rows, order[columns], truncated
