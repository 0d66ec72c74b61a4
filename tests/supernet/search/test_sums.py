"""Costs and accuracies as sums over choices, and the choices that limits forbid."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from supernet.constraints.constraints import (
    Constraint,
    Costs,
    SummedCost,
    macs,
    params,
    peak_memory,
)
from supernet.search.engine import Budget, SearchPlan, search
from supernet.search.evolution import Evolution
from supernet.search.exact import best_of_sum
from supernet.search.grid import Grid, GridSum, StageParts
from supernet.search.infeasible_resolutions import infeasible_resolutions
from supernet.search.lagrangian_bound import Separable
from supernet.search.linear import SingleChanges
from supernet.search.local_search import LocalSearch
from supernet.search.problem import Objective, Problem
from supernet.search.sums import Sums
from supernet.space.codes import Codes, Column, Layout
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything, limit, uneven_ms
from tests.support.search_sums import best_by_trying, random_parts, total

Floats = NDArray[np.float64]
SMALL = (MOBILE, RESNET)
SPACES = (*SMALL, *map(SearchSpace.load, ("tiny", "ofa-resnet50d", "ofa-proxyless-w1.3")))
CODES = {space.name: Everything.of(space.layout).codes for space in SMALL}
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
small_space = pytest.mark.parametrize("space", SMALL, ids=lambda space: space.name)


def grid_of(layout: Layout) -> Grid:
    grid = Grid.of(layout)
    assert grid is not None
    return grid


class OneHot:
    """An accuracy that is linear in the one-hot encoding: nothing for what is absent."""

    def __init__(self, layout: Layout, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._by_column = [
            {value: float(rng.normal(scale=0.01)) for value in column.values}
            for column in layout.columns
        ]
        for group in layout.groups:
            for column in range(group.start, group.stop):
                self._by_column[column][0] = 0.0

    def __call__(self, codes: Codes) -> Floats:
        columns = zip(self._by_column, codes.T.tolist(), strict=True)
        gains = [[of_value[value] for value in column] for of_value, column in columns]
        return 0.7 + np.asarray(np.sum(gains, axis=0), dtype=np.float64)


@every_space
@pytest.mark.parametrize("cost", [macs, params, lambda choices: SummedCost(choices, ms)])
def test_a_cost_is_the_sum_of_its_parts(space: SearchSpace, cost: Callable[[Any], Costs]) -> None:
    grid, costs = grid_of(space.layout), cost(space.choices)

    parts = GridSum.of_costs(grid, costs)

    codes = np.concatenate(
        [
            space.encode([space.smallest(), space.largest()]),
            space.sample_codes(np.random.default_rng(3), 200),
        ]
    )
    assert parts is not None
    np.testing.assert_allclose(total(grid, parts, codes), costs(codes), rtol=1e-9)
    assert all((stage.depths >= 0).all() and (stage.blocks >= 0).all() for stage in parts.stages)


def ms(block: BlockSpec) -> float:
    """Return a different time for every block, below 0 for a few."""
    return block.macs % 977 / 100 - 0.5


def test_a_peak_is_no_sum() -> None:
    assert GridSum.of_costs(grid_of(MOBILE.layout), peak_memory(MOBILE.choices)) is None


@every_space
def test_an_additive_accuracy_is_rebuilt_around_any_network(space: SearchSpace) -> None:
    grid, accuracy = grid_of(space.layout), OneHot(space.layout, 5)
    rng = np.random.default_rng(1)
    starts = [*space.encode([space.smallest(), space.largest()]), *space.sample_codes(rng, 3)]
    codes = space.sample_codes(rng, 100)
    assert (starts[0] == 0).any()  # a network with absent blocks

    for start in starts:
        probes = SingleChanges.around_network(grid, start)
        space.check_codes(probes.codes)
        parts = probes.parts(accuracy(probes.codes))

        np.testing.assert_allclose(total(grid, parts, codes), accuracy(codes), atol=1e-12)


@small_space
def test_only_choices_that_differ_from_the_network_are_charged(space: SearchSpace) -> None:
    grid, codes = grid_of(space.layout), CODES[space.name]
    start = codes[len(codes) // 3]
    probes = SingleChanges.around_network(grid, start)
    flat = probes.parts(np.full(len(probes.codes), 0.5))

    charged = 0.5 - total(grid, probes.nearer(flat, 0.01), codes)

    # By hand: 0.01 for each choice that differs, depths by how far, absent blocks nothing; blocks
    # that the network lacks are measured from their smallest choice.
    least = np.array([column.values[0] for column in space.layout.columns])
    around = np.where(start == 0, least, start)
    differs = (codes != around) & (codes != 0)
    depths = slice(1, space.layout.kernel_start)
    steps = differs.astype(np.float64)
    steps[:, depths] = np.abs(codes[:, depths] - around[depths])
    np.testing.assert_allclose(charged, 0.01 * steps.sum(axis=1), atol=1e-12)
    assert charged.argmin() == len(codes) // 3


UNEVEN = Layout(
    columns=tuple(
        Column(name=name, values=values)
        for name, values in (
            ("resolution", (8,)),
            ("d0", (0, 1, 2)),
            ("ks0", (3,)),
            ("ks1", (3, 5)),
            ("e0", (2, 3)),
            ("e1", (2, 3, 4)),
        )
    ),
    slots=((0, 0), (0, 1)),
    depths=1,
    widths=0,
)


def test_blocks_may_have_different_numbers_of_options() -> None:
    grid, codes = grid_of(UNEVEN), Everything.of(UNEVEN).codes
    weights = np.array([0.0, 0.3, 0.2, 0.4, 1.0, 1.5])
    parts = GridSum.of_costs(grid, lambda networks: networks @ weights)
    assert len(codes) == 1 + 2 + 2 * 6
    assert parts is not None
    np.testing.assert_allclose(total(grid, parts, codes), codes @ weights)

    for seed in range(20):
        rng = np.random.default_rng(seed)
        problem = Separable(
            grid=grid,
            value=padded(random_parts(grid, rng, least=-1.0)),
            costs=(parts,),
            limits=np.array([rng.uniform(0.1, 12.0)]),
        )
        best = best_of_sum(problem)
        assert best is not None
        assert best.values[0] == pytest.approx(best_by_trying(problem, codes), abs=1e-12)
        UNEVEN.check(best.codes, "uneven")


def padded(parts: GridSum) -> GridSum:
    """The first block has two options; the others stand for its last."""
    (stage,) = parts.stages
    blocks = stage.blocks.copy()
    blocks[..., 0, 2:] = blocks[..., 0, 1:2]
    return GridSum(
        base=parts.base,
        entry=parts.entry,
        stages=(StageParts(depths=stage.depths, blocks=blocks),),
    )


def zero(grid: Grid) -> GridSum:
    rng = np.random.default_rng(0)
    drawn = random_parts(grid, rng)
    return GridSum(
        base=drawn.base * 0,
        entry=drawn.entry * 0,
        stages=tuple(
            StageParts(depths=stage.depths * 0, blocks=stage.blocks * 0) for stage in drawn.stages
        ),
    )


def is_allowed(space: SearchSpace, sums: Sums) -> NDArray[np.bool_]:
    """Which of all networks have no choice that is forbidden."""
    grid = grid_of(space.layout)
    return np.asarray(total(grid, sums.allowed(zero(grid), 1.0), CODES[space.name]) == 0)


def sums_of(space: SearchSpace, *limits: Constraint, **more: tuple[Objective, ...]) -> Sums:
    problem = Problem(space=space, accuracy=OneHot(space.layout, 1), constraints=limits, **more)
    sums = Sums.of(problem, grid_of(space.layout))
    assert sums is not None
    return sums


@small_space
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_peak_only_forbids_and_forbids_what_exceeds_it(space: SearchSpace, share: float) -> None:
    cost = peak_memory(space.choices)
    max_bytes = float(np.quantile(cost(CODES[space.name]), share))

    sums = sums_of(space, limit(cost, max_bytes, name="peak memory", unit="bytes"))

    within = cost(CODES[space.name]) <= max_bytes
    assert (sums.costs, len(sums.limits)) == ((), 0)
    assert (is_allowed(space, sums) == within).all()


@small_space
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.7])
def test_choices_that_a_sum_forbids_are_in_no_feasible_network(
    space: SearchSpace, share: float
) -> None:
    cost = uneven_ms(space)
    max_ms = float(np.quantile(cost(CODES[space.name]), share))

    sums = sums_of(space, limit(cost, max_ms))

    within = cost(CODES[space.name]) <= max_ms
    assert is_allowed(space, sums)[within].all()
    assert sums.is_exact


def test_limits_that_cannot_bind_are_dropped() -> None:
    cost = uneven_ms(MOBILE)
    max_ms = cost(CODES[MOBILE.name]).max()

    loose, tight = (sums_of(MOBILE, limit(cost, max_ms * share)) for share in (1.0, 0.999))

    assert (len(loose.costs), len(loose.forbidden)) == (0, 0)
    assert tight.limits.tolist() == [max_ms * 0.999]


def test_a_count_that_must_be_0_only_forbids() -> None:
    """For instance the number of blocks that were never measured."""
    count = SummedCost(MOBILE.choices, lambda block: float(block.kernel == 5))

    sums = sums_of(MOBILE, limit(count, 0.5, name="extrapolated", unit="blocks"))

    assert len(sums.costs) == 0
    assert (is_allowed(MOBILE, sums) == (count(CODES[MOBILE.name]) == 0)).all()


def test_choices_that_cannot_run_are_forbidden_without_any_limit() -> None:
    def cost(codes: Codes) -> Floats:
        group = slice(MOBILE.layout.kernel_start, MOBILE.layout.expand_start)
        return np.where((codes[:, group] == 5).any(axis=1), np.inf, uneven_ms(MOBILE)(codes))

    sums = sums_of(MOBILE, objectives=(Objective(name="box", costs=cost, unit="ms"),))

    assert (is_allowed(MOBILE, sums) == np.isfinite(cost(CODES[MOBILE.name]))).all()
    (parts,) = sums.costs
    assert all(np.isfinite(s.depths).all() and np.isfinite(s.blocks).all() for s in parts.stages)
    assert sums.within(np.array([3.0])).limits.tolist() == [3.0]


def with_margin(space: SearchSpace, most: float) -> Constraint:
    """An upper bound that is no sum: variances of blocks add up, their root does not."""
    predicted = uneven_ms(space)
    variance = SummedCost(space.choices, lambda block: (block.macs % 89 + 5) * 2e-5)
    return Constraint(
        name="box",
        costs=lambda codes: predicted(codes) + 1.7 * np.sqrt(variance(codes)),
        limit=most,
        unit="ms",
        predicted=predicted,
        confidence=0.95,
    )


@small_space
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_a_limit_with_a_margin_is_met_and_nearly_reached(space: SearchSpace, share: float) -> None:
    codes, accuracy = CODES[space.name], OneHot(space.layout, 7)
    cost = with_margin(space, 1.0).costs
    bound = with_margin(space, float(np.quantile(cost(codes), share)))
    plan = SearchPlan(
        strategy=Evolution(population=20), budget=Budget(evaluations=700, patience=15)
    )
    grid = grid_of(space.layout)
    assert GridSum.of_costs(grid, cost) is None
    assert not sums_of(space, bound).is_exact

    result = search(space, accuracy, [bound], seed=2, plan=plan)

    best = accuracy(codes[cost(codes) <= bound.limit]).max()
    assert result.bounds["box"] <= bound.limit
    assert result.predictions["box"] < result.bounds["box"]
    assert result.accuracy == pytest.approx(best, abs=1e-12)


@small_space
def test_a_guide_proposes_networks_within_sums(space: SearchSpace) -> None:
    accuracy, codes = OneHot(space.layout, 3), CODES[space.name]
    costs = (uneven_ms(space), params(space.choices), peak_memory(space.choices))
    limits = [limit(cost, float(np.quantile(cost(codes), 0.5)), name=str(cost)) for cost in costs]
    problem = Problem.of(space, accuracy, limits)
    guide = LocalSearch.of(problem)
    assert guide is not None
    probes = SingleChanges.around_network(guide.grid, codes[0])

    proposed = guide.best(probes.parts(accuracy(probes.codes)))

    within = np.all([constraint.costs(codes) <= constraint.limit for constraint in limits], axis=0)
    assert proposed is not None
    assert problem.score(proposed).excess.max() == 0
    assert accuracy(proposed)[0] == pytest.approx(accuracy(codes[within]).max(), abs=1e-12)


@small_space
def test_resolutions_where_limits_exclude_each_other_are_forbidden(space: SearchSpace) -> None:
    codes, sizes = CODES[space.name], np.array(space.resolutions)
    costs: tuple[Costs, ...] = (
        uneven_ms(space),
        SummedCost(space.choices, lambda block: 9.0 - block.params / 1e5),
    )
    forbidden_sizes = 0
    for first in (0.02, 0.2, 0.5):
        for second in (0.02, 0.2, 0.5):
            shares = (first, second)
            limits = [
                limit(cost, float(np.quantile(cost(codes), share)), name=str(share))
                for cost, share in zip(costs, shares, strict=True)
            ]
            sums = sums_of(space, *limits)
            within = np.all(
                [constraint.costs(codes) <= constraint.limit for constraint in limits], axis=0
            )

            allowed = is_allowed(space, sums)

            assert allowed[within].all()
            forbidden_sizes += sum(not allowed[codes[:, 0] == size].any() for size in sizes)
    assert forbidden_sizes > 0


def test_prices_detect_resolutions_without_feasible_networks() -> None:
    grid, codes = grid_of(MOBILE.layout), CODES[MOBILE.name]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        costs = tuple(random_parts(grid, rng) for _ in range(3))
        sums = [total(grid, cost, codes) for cost in costs]
        limits = np.array([np.quantile(values, 0.03) for values in sums])
        within = np.all([v <= most for v, most in zip(sums, limits, strict=True)], axis=0)

        without = infeasible_resolutions(grid, costs, limits)

        for size, is_without in zip(grid.resolutions, without, strict=True):
            assert not (is_without and within[codes[:, 0] == size].any())
    assert infeasible_resolutions(grid, costs, limits / 100).all()
    assert not infeasible_resolutions(grid, (), np.zeros(0)).any()


@small_space
def test_a_resolution_without_runnable_networks_does_not_hide_others(space: SearchSpace) -> None:
    """For instance where the largest images need more memory than the device has."""
    codes, largest = CODES[space.name], max(space.resolutions)

    def cost(networks: Codes) -> Floats:
        return np.where(networks[:, 0] == largest, np.inf, uneven_ms(space)(networks))

    max_ms = float(np.quantile(cost(codes[codes[:, 0] < largest]), 0.3))
    accuracy, bound = OneHot(space.layout, 9), limit(cost, max_ms)
    plan = SearchPlan(budget=Budget(evaluations=300, patience=5))

    sums = sums_of(space, bound)
    result = search(space, accuracy, [bound], seed=0, plan=plan)

    assert sums.is_exact
    assert len(sums.costs) == 1
    assert not is_allowed(space, sums)[codes[:, 0] == largest].any()
    assert result.accuracy == pytest.approx(accuracy(codes[cost(codes) <= max_ms]).max(), abs=1e-12)
