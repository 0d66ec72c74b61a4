"""Find the best network of a sum under limits on sums exactly, by bounded dynamic programming.

Networks are built choice by choice. A partial network is dropped where it exceeds a limit, where
the relaxation (`lagrangian_bound`) shows that no completion reaches the required value, and, under
one limit, where another one is at least as good and as cheap. The required value starts just below
the bound and decreases until a network reaches it, which is then the best.
"""

import heapq
from dataclasses import dataclass, replace

import numpy as np

from supernet.search.dual_descent import descend
from supernet.search.grid import Floats, Grid
from supernet.search.lagrangian_bound import Relaxation, Separable, least_bound
from supernet.search.partial_networks import Choices, PartialBounds, PartialNetworks
from supernet.space.codes import Codes

_SLIP = 1e-12  # relative tolerance for rounding of sums in another order
_FIRST_GAP = 1 / 256  # first gap below the bound, relative to the spread of all choices
_MOST = 100_000  # largest number of partial networks to keep, the best by their bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class BestNetworks:
    """Best networks of a sum, best first: codes (n, columns), values (n,), and an upper bound.

    `exact` unless partial networks had to be dropped.
    """

    codes: Codes
    values: Floats
    bound: float
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEffort:
    """Limits of the exact search: partial networks to keep, and resolutions to search.

    `steps` is the number of dual descent steps under several limits before networks are built.
    """

    most: int = _MOST
    sizes: int = 1 << 16
    steps: int = 40


_FULL_EFFORT = SearchEffort()


def best_of_sum(
    problem: Separable, keep: int = 1, above: float = -np.inf, effort: SearchEffort = _FULL_EFFORT
) -> BestNetworks | None:
    """Find the best networks of any resolution; None where none meets the limits.

    Also None where no value exceeds `above`. Of `keep` networks the first is the best; the others
    are good, but not necessarily the next best. Costs must be finite, and their terms not below 0.
    """
    relaxed = least_bound(problem)
    # Resolutions by highest bound; each bound is lowered before its networks are built.
    queue = [
        (-float(bound), resolution, relaxed.at(resolution))
        for resolution, bound in enumerate(relaxed.bound)
    ]
    heapq.heapify(queue)
    descended: set[int] = set()
    result: BestNetworks | None = None
    exact, highest = True, -np.inf
    while queue:
        floor = above if result is None else float(result.values[0])
        negative, resolution, single_relaxation = heapq.heappop(queue)
        if -negative <= floor:
            break
        if resolution not in descended:
            if result is not None and len(descended) >= effort.sizes:
                exact = False
                break
            descended.add(resolution)
            single_relaxation = descend(problem.at(resolution), single_relaxation, effort.steps)
            heapq.heappush(
                queue, (-float(single_relaxation.bound[0]), resolution, single_relaxation)
            )
            continue
        highest = max(highest, -negative)
        best, complete = _best_at(
            _SingleResolution(problem.at(resolution), single_relaxation, effort.most), keep, floor
        )
        exact = exact and complete
        if best is not None and best.values[0] > floor:
            best.codes[:, 0] = problem.grid.resolutions[resolution]
            result = best
    return None if result is None else replace(result, bound=highest, exact=exact)


@dataclass(frozen=True, slots=True)
class _SingleResolution:
    """Problem of one resolution, its relaxation, and how many partial networks to keep."""

    problem: Separable
    relaxed: Relaxation
    most: int


def _best_at(
    single: _SingleResolution, keep: int, floor: float
) -> tuple[BestNetworks | None, bool]:
    """Return the best networks of one resolution, and whether none was dropped.

    Returns None where no network reaches `floor`.
    """
    bound, spread = float(single.relaxed.bound[0]), single.problem.value_spread
    gap, best_networks = spread * _FIRST_GAP, None
    while True:
        required = max(bound - gap, floor)
        builder = _Builder(single, required)
        networks = builder.build()
        if len(networks) and (
            best_networks is None or networks.values.max() > best_networks.values.max()
        ):
            best_networks = networks
        if best_networks is not None:
            best_value = float(best_networks.values.max())
            if best_value >= required or builder.truncated or required == floor:
                break
            # This network was found with slack in the limits; others of its value may be missing.
            gap = bound - best_value
        elif (
            gap > spread or required == floor or builder.truncated
        ):  # a wider gap would be truncated to the same networks
            return None, not builder.truncated
        else:
            gap *= 4
    best_networks = best_networks.take(np.argsort(-best_networks.values, kind="stable")[:keep])
    codes = decode(single.problem.grid, best_networks.choices)
    return BestNetworks(
        codes=codes, values=best_networks.values, bound=bound, exact=True
    ), not builder.truncated


def decode(grid: Grid, choices: Choices) -> Codes:
    """Return codes of choices (n, 1 + stages * (width, depth, blocks)) at the first resolution."""
    codes = np.repeat(grid.template[None], len(choices), axis=0)
    grid.input_width.write(codes, choices[:, 0].astype(np.intp))
    column = 1
    for stage in grid.stages:
        stage.output_width.write(codes, choices[:, column].astype(np.intp))
        depth = stage.depths[choices[:, column + 1]]
        codes[:, stage.column] = depth
        column += 2
        for block, (kernel, expand) in enumerate(zip(stage.kernels, stage.expands, strict=True)):
            options = stage.options[block][choices[:, column]]
            present = (depth > block)[:, None]
            codes[:, [kernel, expand]] = options * present
            column += 1
    return codes


class _Builder:
    """Builds all networks of one resolution with at least the required value, and some others."""

    def __init__(self, single: _SingleResolution, required: float) -> None:
        problem, relaxed = single.problem, single.relaxed
        self._problem, self._relaxed, self._most = problem, relaxed, single.most
        # Values and costs are relative to the base, which every network has.
        available = problem.limits - np.array([cost.base[0] for cost in problem.costs])
        prices, self._base = relaxed.prices[0], float(problem.value.base[0])
        slip = _SLIP * (abs(required) + abs(self._base))
        self._bounds = PartialBounds(
            prices=prices,
            limits=available + problem.limits * _SLIP,
            least=required - slip - self._base - float(prices @ available),
        )
        self.truncated = False

    def build(self) -> PartialNetworks:
        """Return the complete networks."""
        by_width, worth = {}, self._relaxed.stages[0].to_go[0]
        start = PartialNetworks(
            np.zeros(1), np.zeros((1, len(self._problem.costs))), np.empty((1, 0), "i2")
        )
        for width in range(self._relaxed.entry.shape[1]):
            value, *costs = self._entry_figures(width)
            choices = np.array([[width]], dtype=np.int16)
            first = PartialNetworks(np.array([value]), np.array([costs]), choices)
            by_width[width] = self._combine(start, first, float(worth[width]))
        values_before = self._relaxed.entry[0]
        for number, stage in enumerate(self._relaxed.stages):
            by_width = self._through_stage(number, by_width, values_before)
            values_before = (values_before[:, None] + stage.best[0]).max(axis=0)
        complete = PartialNetworks.concatenated(list(by_width.values()))
        return PartialNetworks(complete.values + self._base, complete.costs, complete.choices)

    def _through_stage(
        self, number: int, by_width: dict[int, PartialNetworks], values_before: Floats
    ) -> dict[int, PartialNetworks]:
        inputs, outputs = self._relaxed.stages[number].best.shape[1:]
        values_after = np.broadcast_to(self._relaxed.after(number)[0], outputs)
        by_output = {}
        for output_width in range(outputs):
            parts = [self._empty(number)]
            for input_width in range(inputs):
                remaining = float(values_before[input_width] + values_after[output_width])
                stage_networks = self._stage(number, input_width, output_width, remaining)
                parts.append(
                    self._combine(
                        by_width[input_width], stage_networks, float(values_after[output_width])
                    )
                )
            by_output[output_width] = self._pruned(PartialNetworks.concatenated(parts))
        return by_output

    def _stage(
        self, number: int, input_width: int, output_width: int, remaining: float
    ) -> PartialNetworks:
        """Return all depths and blocks of a stage that can be part of a required network."""
        ahead = self._relaxed.stages[number]
        reduced = _at_widths(ahead.parts.depths, input_width, output_width)
        blocks = _at_widths(ahead.parts.blocks, input_width, output_width)
        sums = np.concatenate([[0.0], np.cumsum(blocks.max(axis=1, initial=-np.inf))])
        stages = [self._problem.value.stages[number]]
        stages += [cost.stages[number] for cost in self._problem.costs]
        depth_figures = [_at_widths(stage.depths, input_width, output_width) for stage in stages]
        block_figures = [_at_widths(stage.blocks, input_width, output_width) for stage in stages]
        prefix = PartialNetworks(
            np.zeros(1), np.zeros((1, len(stages) - 1)), np.array([[output_width]], dtype=np.int16)
        )
        complete: list[PartialNetworks] = []
        counts = np.minimum(self._problem.grid.stages[number].depths, len(blocks))
        for block in range(len(blocks) + 1):
            for depth in np.flatnonzero(counts == block).tolist():
                value, *costs = (figures[depth] for figures in depth_figures)
                choices = np.zeros((1, 1 + len(blocks) - block), dtype=np.int16)
                ending = PartialNetworks(np.array([value]), np.array([costs]), choices)
                finished = self._combine(prefix, ending, remaining)
                # The choice of depth comes before those of the blocks.
                finished.choices[:, 2:] = finished.choices[:, 1:-1].copy()
                finished.choices[:, 1] = depth
                complete.append(finished)
            deeper = counts > block
            if not deeper.any():
                break
            best_rest = float((reduced + sums[counts])[deeper].max() - sums[block + 1])
            options = PartialNetworks(
                block_figures[0][block],
                np.array([figures[block] for figures in block_figures[1:]])
                .reshape(-1, blocks.shape[1])
                .T,
                np.arange(blocks.shape[1], dtype=np.int16)[:, None],
            )
            prefix = self._combine(prefix, options, remaining + best_rest)
        return PartialNetworks.concatenated(complete)

    def _empty(self, number: int) -> PartialNetworks:
        stages = self._problem.grid.stages[: number + 1]
        columns = 1 + sum(2 + len(stage.kernels) for stage in stages)
        return PartialNetworks.empty(len(self._problem.costs), columns)

    def _entry_figures(self, width: int) -> list[float]:
        """Return value and costs of an entry width."""
        terms = (self._problem.value, *self._problem.costs)
        return [float(term.entry[0][min(width, term.entry.shape[1] - 1)]) for term in terms]

    def _combine(
        self, first: PartialNetworks, second: PartialNetworks, remaining_value: float
    ) -> PartialNetworks:
        """Combine each of both, as far as the result can be part of a required network."""
        combined, truncated = self._bounds.pairs(first, second, remaining_value)
        self.truncated = self.truncated or truncated
        return self._pruned(combined)

    def _pruned(self, built: PartialNetworks) -> PartialNetworks:
        """Drop dominated or excess partial networks that have the same completions."""
        if len(built) > 1 and built.costs.shape[1] <= 1:
            return built.undominated()
        if len(built) > self._most:
            self.truncated = True
            order = np.argsort(-built.reduced(self._bounds.prices), kind="stable")
            return built.take(order[: self._most])
        return built


def _at_widths(values: Floats, input_width: int, output_width: int) -> Floats:
    """Return the terms at the only resolution and a pair of widths."""
    share: Floats = values[
        0, min(input_width, values.shape[1] - 1), min(output_width, values.shape[2] - 1)
    ]
    return share
