"""The exact best network of a sum under limits on sums: dynamic programming with bounds.

Networks are built up choice by choice. What is built so far is dropped where a limit is exceeded,
where the relaxation (`lagrangian_bound`) says that no network with it reaches what is asked,
and, under one limit, where something else costs no more and is worth no less. What is asked begins
just below the bound and comes down until a network reaches it: that one is the best.
"""

import heapq
from dataclasses import dataclass, replace

import numpy as np

from supernet.search.dual_descent import lowered
from supernet.search.grid import Floats, Grid
from supernet.search.lagrangian_bound import Relaxed, Separable, least_bound
from supernet.search.partial_networks import Built, PartialBounds, Picks
from supernet.space.codes import Codes

_SLIP = 1e-12  # relative: a sum in another order may exceed a limit by rounding
_FIRST_GAP = 1 / 256  # of what all choices change, below the bound
_MOST = 100_000  # networks half built, beyond which the best by their bounds are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """Best networks of a sum, from the best: codes (n, columns), values (n,); `bound` on any.

    `exact` unless so many were near that some were left out.
    """

    codes: Codes
    values: Floats
    bound: float
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEffort:
    """How far to go: networks half built that are kept, and resolutions that are gone into.

    `steps` are those by which the bound of several limits is lowered before networks are built.
    """

    most: int = _MOST
    sizes: int = 1 << 16
    steps: int = 40


_UTMOST = SearchEffort()


def best_of_sum(
    problem: Separable, keep: int = 1, above: float = -np.inf, effort: SearchEffort = _UTMOST
) -> Best | None:
    """Find the best networks of any resolution; None where none is within the limits.

    None too where none is worth more than `above`. Of `keep` networks the first is the best; the
    others are good, not the next best. All costs must be finite, and no share of one below 0.
    """
    relaxed = least_bound(problem)
    # By resolution, the highest bound first; each is lowered before it is believed.
    waiting = [
        (-float(bound), place, relaxed.at(place)) for place, bound in enumerate(relaxed.bound)
    ]
    heapq.heapify(waiting)
    lowered_at: set[int] = set()
    found: Best | None = None
    exact, highest = True, -np.inf
    while waiting:
        floor = above if found is None else float(found.values[0])
        negative, place, own = heapq.heappop(waiting)
        if -negative <= floor:
            break
        if place not in lowered_at:
            if found is not None and len(lowered_at) >= effort.sizes:
                exact = False
                break
            lowered_at.add(place)
            own = lowered(problem.at(place), own, effort.steps)
            heapq.heappush(waiting, (-float(own.bound[0]), place, own))
            continue
        highest = max(highest, -negative)
        best, all_seen = _best_at(_One(problem.at(place), own, effort.most), keep, floor)
        exact = exact and all_seen
        if best is not None and best.values[0] > floor:
            best.codes[:, 0] = problem.grid.resolutions[place]
            found = best
    return None if found is None else replace(found, bound=highest, exact=exact)


@dataclass(frozen=True, slots=True)
class _One:
    """A problem of one resolution, its relaxation, and how many half-built networks to keep."""

    problem: Separable
    relaxed: Relaxed
    most: int


def _best_at(one: _One, keep: int, floor: float) -> tuple[Best | None, bool]:
    """Best networks of a problem of one resolution, and whether none was left out.

    None where nothing is found that is worth `floor` or more.
    """
    bound, whole = float(one.relaxed.bound[0]), one.problem.whole
    gap, found = whole * _FIRST_GAP, None
    while True:
        asked = max(bound - gap, floor)
        builder = _Builder(one, asked)
        built = builder.build()
        if len(built) and (found is None or built.values.max() > found.values.max()):
            found = built
        if found is not None:
            best = float(found.values.max())
            if best >= asked or builder.cut or asked == floor:
                break
            # It is there by what it leaves of the limits; others of its value may be missing.
            gap = bound - best
        elif gap > whole or asked == floor or builder.cut:  # a wider gap would be cut to the same
            return None, not builder.cut
        else:
            gap *= 4
    found = found.take(np.argsort(-found.values, kind="stable")[:keep])
    codes = decode(one.problem.grid, found.picks)
    return Best(codes=codes, values=found.values, bound=bound, exact=True), not builder.cut


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
    """Builds all networks of one resolution that are worth at least `asked`, and some others."""

    def __init__(self, one: _One, asked: float) -> None:
        problem, relaxed = one.problem, one.relaxed
        self._problem, self._relaxed, self._most = problem, relaxed, one.most
        # All that is built is counted from the base, which every network has.
        left = problem.limits - np.array([cost.base[0] for cost in problem.costs])
        prices, self._base = relaxed.prices[0], float(problem.value.base[0])
        slip = _SLIP * (abs(asked) + abs(self._base))
        self._asked = PartialBounds(
            prices=prices,
            limits=left + problem.limits * _SLIP,
            least=asked - slip - self._base - float(prices @ left),
        )
        self.cut = False

    def build(self) -> Built:
        """Return the whole networks."""
        by_width, worth = {}, self._relaxed.stages[0].to_go[0]
        start = Built(np.zeros(1), np.zeros((1, len(self._problem.costs))), np.empty((1, 0), "i2"))
        for width in range(self._relaxed.entry.shape[1]):
            value, *costs = self._entries(width)
            picks = np.array([[width]], dtype=np.int16)
            first = Built(np.array([value]), np.array([costs]), picks)
            by_width[width] = self._paired(start, first, float(worth[width]))
        before = self._relaxed.entry[0]
        for number, stage in enumerate(self._relaxed.stages):
            by_width = self._through(number, by_width, before)
            before = (before[:, None] + stage.best[0]).max(axis=0)
        whole = Built.joined(list(by_width.values()))
        return Built(whole.values + self._base, whole.costs, whole.picks)

    def _through(self, number: int, by_width: dict[int, Built], before: Floats) -> dict[int, Built]:
        enters, leaves = self._relaxed.stages[number].best.shape[1:]
        after = np.broadcast_to(self._relaxed.after(number)[0], leaves)
        found = {}
        for leave in range(leaves):
            parts = [self._none(number)]
            for enter in range(enters):
                outside = float(before[enter] + after[leave])
                own = self._stage(number, enter, leave, outside)
                parts.append(self._paired(by_width[enter], own, float(after[leave])))
            found[leave] = self._fewer(Built.joined(parts))
        return found

    def _stage(self, number: int, enter: int, leave: int, outside: float) -> Built:
        """All of a stage's depths and blocks that can be part of what is asked."""
        ahead = self._relaxed.stages[number]
        reduced = _one(ahead.parts.depths, enter, leave)
        blocks = _one(ahead.parts.blocks, enter, leave)
        sums = np.concatenate([[0.0], np.cumsum(blocks.max(axis=1, initial=-np.inf))])
        stages = [self._problem.value.stages[number]]
        stages += [cost.stages[number] for cost in self._problem.costs]
        of_depths = [_one(stage.depths, enter, leave) for stage in stages]
        of_blocks = [_one(stage.blocks, enter, leave) for stage in stages]
        prefix = Built(
            np.zeros(1), np.zeros((1, len(stages) - 1)), np.array([[leave]], dtype=np.int16)
        )
        done: list[Built] = []
        places = np.minimum(self._problem.grid.stages[number].depths, len(blocks))
        for block in range(len(blocks) + 1):
            for depth in np.flatnonzero(places == block).tolist():
                value, *costs = (of_one[depth] for of_one in of_depths)
                picks = np.zeros((1, 1 + len(blocks) - block), dtype=np.int16)
                end = Built(np.array([value]), np.array([costs]), picks)
                ended = self._paired(prefix, end, outside)
                # The depth's pick comes before those of the blocks.
                ended.picks[:, 2:] = ended.picks[:, 1:-1].copy()
                ended.picks[:, 1] = depth
                done.append(ended)
            deeper = places > block
            if not deeper.any():
                break
            rest = float((reduced + sums[places])[deeper].max() - sums[block + 1])
            options = Built(
                of_blocks[0][block],
                np.array([of_one[block] for of_one in of_blocks[1:]])
                .reshape(-1, blocks.shape[1])
                .T,
                np.arange(blocks.shape[1], dtype=np.int16)[:, None],
            )
            prefix = self._paired(prefix, options, outside + rest)
        return Built.joined(done)

    def _none(self, number: int) -> Built:
        stages = self._problem.grid.stages[: number + 1]
        columns = 1 + sum(2 + len(stage.kernels) for stage in stages)
        return Built.none(len(self._problem.costs), columns)

    def _entries(self, width: int) -> list[float]:
        """Value and costs of a first width."""
        parts = (self._problem.value, *self._problem.costs)
        return [float(one.entry[0][min(width, one.entry.shape[1] - 1)]) for one in parts]

    def _paired(self, one: Built, other: Built, more: float) -> Built:
        """Each of one with each of the other, as far as they can be part of what is asked."""
        built, cut = self._asked.pairs(one, other, more)
        self.cut = self.cut or cut
        return self._fewer(built)

    def _fewer(self, built: Built) -> Built:
        """Of beginnings that the same can follow, those that matter."""
        if len(built) > 1 and built.costs.shape[1] <= 1:
            return built.undominated()
        if len(built) > self._most:
            self.cut = True
            order = np.argsort(-built.reduced(self._asked.prices), kind="stable")
            return built.take(order[: self._most])
        return built


def _one(values: Floats, enter: int, leave: int) -> Floats:
    """Shares at the only resolution and a pair of widths."""
    found: Floats = values[0, min(enter, values.shape[1] - 1), min(leave, values.shape[2] - 1)]
    return found
