"""The exact best network of a sum under limits on sums: dynamic programming with bounds.

Networks are built up choice by choice. What is built so far is dropped where a limit is exceeded,
where the relaxation (supernet.search.relaxed) says that no network with it reaches what is asked,
and, under one limit, where something else costs no more and is worth no less. What is asked begins
just below the bound and comes down until a network reaches it: that one is the best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from supernet.codes import Codes
from supernet.search.grid import Floats, Grid
from supernet.search.relaxed import Relaxed, Separable, least_bound, spread_of

_SLIP = 1e-12  # relative: a sum in another order may exceed a limit by rounding
_FIRST_GAP = 1 / 256  # of what all choices change, below the bound
_MOST = 200_000  # networks half built, beyond which the best by their bounds are kept
Picks = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """Best networks of a sum, from the best: codes (n, columns), values (n,); `bound` on any.

    `exact` unless so many were near that some were left out.
    """

    codes: Codes
    values: Floats
    bound: float
    exact: bool


@dataclass(frozen=True, slots=True)
class _Built:
    """Beginnings of networks: their values (n,), costs (n, K) and choices (n, choices)."""

    values: Floats
    costs: Floats
    picks: Picks

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: "NDArray[np.bool_] | NDArray[np.intp]") -> "_Built":
        return _Built(self.values[rows], self.costs[rows], self.picks[rows])

    def times(self, other: "_Built") -> "_Built":
        """Every one of these followed by every one of those."""
        n, m = len(self), len(other)
        return _Built(
            (self.values[:, None] + other.values).ravel(),
            (self.costs[:, None] + other.costs).reshape(n * m, self.costs.shape[1]),
            np.concatenate([self.picks.repeat(m, axis=0), np.tile(other.picks, (n, 1))], axis=1),
        )

    @classmethod
    def joined(cls, parts: "list[_Built]") -> "_Built":
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([one.values for one in parts]),
            np.concatenate([one.costs for one in parts]),
            np.concatenate([one.picks for one in parts]),
        )


def best_of_sum(problem: Separable, keep: int = 1) -> Best | None:
    """Find the best networks of any resolution; None where none is within the limits.

    Of `keep` networks the first is the best; the others are good, not the next best.
    """
    relaxed = least_bound(problem)
    found: Best | None = None
    for place in np.argsort(-relaxed.bound, kind="stable").tolist():
        if found is not None and relaxed.bound[place] <= found.values[0]:
            break
        best = _best_at(problem.at(place), relaxed.at(place), keep)
        if best is not None and (found is None or best.values[0] > found.values[0]):
            best.codes[:, 0] = problem.grid.resolutions[place]
            found = best
    return found


def _best_at(problem: Separable, relaxed: Relaxed, keep: int) -> Best | None:
    """Best networks of a problem of one resolution."""
    bound, whole = float(relaxed.bound[0]), spread_of(problem.value)
    gap = whole * _FIRST_GAP
    while True:
        builder = _Builder(problem, relaxed, asked=bound - gap)
        found = builder.build()
        if len(found) or gap > whole:
            break
        gap *= 4
    if not len(found):
        return None
    order = np.argsort(-found.values, kind="stable")[:keep]
    found = found.take(order)
    return Best(
        codes=decode(problem.grid, found.picks),
        values=found.values,
        bound=bound,
        exact=not builder.cut,
    )


def decode(grid: Grid, picks: Picks) -> Codes:
    """Codes of choices (n, 1 + stages * (width, depth, blocks)) at the grid's first resolution."""
    codes = np.repeat(grid.template[None], len(picks), axis=0)
    grid.enters.put(codes, picks[:, 0].astype(np.intp))
    column = 1
    for stage in grid.stages:
        stage.leaves.put(codes, picks[:, column].astype(np.intp))
        depth = stage.depths[picks[:, column + 1]]
        codes[:, stage.column] = depth
        column += 2
        for block, (kernel, expand) in enumerate(zip(stage.kernels, stage.expands, strict=True)):
            options = stage.options[block][picks[:, column]]
            present = (depth > block)[:, None]
            codes[:, [kernel, expand]] = options * present
            column += 1
    return codes


class _Builder:
    """Builds all networks of one resolution whose bound is at least `asked`."""

    def __init__(self, problem: Separable, relaxed: Relaxed, asked: float) -> None:
        self._problem = problem
        self._relaxed = relaxed
        self._prices = relaxed.prices[0]
        # All that is built is counted from the base, which every network has.
        left = problem.limits - np.array([cost.base[0] for cost in problem.costs])
        self._limits = left + problem.limits * _SLIP
        self._base = float(problem.value.base[0])
        slip = _SLIP * (abs(asked) + abs(self._base))
        self._asked = asked - slip - self._base - float(self._prices @ left)
        self.cut = False

    def build(self) -> _Built:
        """Return the whole networks."""
        by_width = {}
        for width in range(self._relaxed.entry.shape[1]):
            value, *costs = self._entries(width)
            picks = np.array([[width]], dtype=np.int8)
            first = _Built(np.array([value]), np.array([costs]), picks)
            by_width[width] = self._kept(first, self._relaxed.stages[0].to_go[0][width])
        before = self._relaxed.entry[0]
        for number, stage in enumerate(self._relaxed.stages):
            by_width = self._through(number, by_width, before)
            before = (before[:, None] + stage.best[0]).max(axis=0)
        whole = _Built.joined(list(by_width.values()))
        return _Built(whole.values + self._base, whole.costs, whole.picks)

    def _through(
        self, number: int, by_width: dict[int, _Built], before: Floats
    ) -> dict[int, _Built]:
        best = self._relaxed.stages[number].best[0]
        after = np.broadcast_to(self._relaxed.after(number)[0], best.shape[1:])
        found = {}
        for leave in range(best.shape[1]):
            parts = []
            for enter, built in by_width.items():
                place = min(enter, best.shape[0] - 1)
                outside = float(before[min(enter, len(before) - 1)] + after[leave])
                own = self._stage(number, place, leave, outside)
                if len(built) and len(own):
                    parts.append(self._kept(built.times(own), float(after[leave])))
            if not parts:
                parts = [self._none(number)]
            found[leave] = self._kept(_Built.joined(parts), float(after[leave]))
        return found

    def _stage(self, number: int, enter: int, leave: int, outside: float) -> _Built:
        """All of a stage's depths and blocks that can be part of what is asked."""
        ahead = self._relaxed.stages[number]
        depths = self._problem.grid.stages[number].depths
        reduced = _one(ahead.parts.depths, enter, leave)
        blocks = _one(ahead.parts.blocks, enter, leave)
        sums = (
            np.concatenate([[0.0], np.cumsum(blocks.max(axis=1))]) if len(blocks) else np.zeros(1)
        )
        stages = [self._problem.value.stages[number]]
        stages += [cost.stages[number] for cost in self._problem.costs]
        of_depths = [_one(stage.depths, enter, leave) for stage in stages]
        of_blocks = [_one(stage.blocks, enter, leave) for stage in stages]
        prefix = _Built(
            np.zeros(1), np.zeros((1, len(stages) - 1)), np.array([[leave]], dtype=np.int8)
        )
        done: list[_Built] = []
        places = np.minimum(depths, len(blocks))
        for block in range(len(blocks) + 1):
            for depth in np.flatnonzero(places == block).tolist():
                costs = np.array([of_one[depth] for of_one in of_depths[1:]])
                ended = self._ended(prefix, (of_depths[0][depth], costs), depth, len(blocks))
                done.append(self._kept(ended, outside))
            deeper = places > block
            if not deeper.any():
                break
            rest = float((reduced + sums[places])[deeper].max() - sums[block + 1])
            costs = np.array([of_one[block] for of_one in of_blocks[1:]])
            options = _Built(
                of_blocks[0][block],
                costs.reshape(-1, blocks.shape[1]).T,
                np.arange(blocks.shape[1], dtype=np.int8)[:, None],
            )
            prefix = self._kept(prefix.times(options), outside + rest)
        return _Built.joined(done)

    def _ended(
        self, prefix: _Built, of_depth: tuple[float, Floats], depth: int, blocks: int
    ) -> _Built:
        """A stage of that depth, its picks as long as those of any: width, depth, blocks."""
        picks = np.zeros((len(prefix), 2 + blocks), dtype=np.int8)
        picks[:, 0] = prefix.picks[:, 0]
        picks[:, 1] = depth
        picks[:, 2 : 1 + prefix.picks.shape[1]] = prefix.picks[:, 1:]
        return _Built(prefix.values + of_depth[0], prefix.costs + of_depth[1], picks)

    def _none(self, number: int) -> _Built:
        stages = self._problem.grid.stages[: number + 1]
        columns = 1 + sum(2 + len(stage.kernels) for stage in stages)
        return _Built(
            np.zeros(0),
            np.zeros((0, len(self._problem.costs))),
            np.zeros((0, columns), dtype=np.int8),
        )

    def _entries(self, width: int) -> list[float]:
        """Value and costs of a first width."""
        parts = (self._problem.value, *self._problem.costs)
        return [float(one.entry[0][min(width, one.entry.shape[1] - 1)]) for one in parts]

    def _kept(self, built: _Built, more: float) -> _Built:
        """What can still be within the limits and reach what is asked; `more` is the best rest."""
        reduced = built.values - built.costs @ self._prices
        kept = (reduced + more >= self._asked) & (built.costs <= self._limits).all(axis=1)
        built, reduced = built.take(kept), reduced[kept]
        if len(built) > 1 and built.costs.shape[1] <= 1:
            built = _undominated(built)
        elif len(built) > _MOST:
            self.cut = True
            built = built.take(np.argsort(-reduced, kind="stable")[:_MOST])
        return built


def _undominated(built: _Built) -> _Built:
    """Those that nothing is as cheap as and better than, or as good as and cheaper than."""
    costs = built.costs[:, 0] if built.costs.shape[1] else np.zeros(len(built))
    order = np.lexsort([-built.values, costs])
    values = built.values[order]
    kept = np.ones(len(order), dtype=np.bool_)
    kept[1:] = values[1:] > np.maximum.accumulate(values)[:-1]
    return built.take(order[kept])


def _one(values: Floats, enter: int, leave: int) -> Floats:
    """Shares at the only resolution and a pair of widths."""
    found: Floats = values[0, min(enter, values.shape[1] - 1), min(leave, values.shape[2] - 1)]
    return found
