"""Exact search of sums, compared with exhaustive search and integer programming."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from supernet.search.exact import best_of_sum
from supernet.search.grid import Grid, GridSum
from supernet.search.lagrangian_bound import Separable, least_bound
from supernet.search.partial_networks import PartialBounds, PartialNetworks
from supernet.space.space import SearchSpace
from tests.support.sampling_spaces import MOBILE, RESNET, Everything
from tests.support.search_sums import best_by_trying, random_parts, total

Floats = NDArray[np.float64]
GRIDS = {space.name: Grid.of(space.layout) for space in (MOBILE, RESNET)}
CODES = {space.name: Everything.of(space.layout).codes for space in (MOBILE, RESNET)}


def grid_of(name: str) -> Grid:
    grid = GRIDS[name]
    assert grid is not None
    return grid


@dataclass
class Program:
    """Integer program of one resolution: binary variables and their constraints."""

    shares: list[list[float]] = field(default_factory=list)  # by variable: value, costs
    rows: list[tuple[dict[int, float], float]] = field(default_factory=list)  # sums that equal

    def binary(self, shares: list[float]) -> int:
        self.shares.append(shares)
        return len(self.shares) - 1

    def solve(self, base: list[float], limits: Floats) -> float | None:
        """Return the largest value within the limits; None where no network is."""
        shares = np.array(self.shares)
        pairs = [(r, c, v) for r, (row, _) in enumerate(self.rows) for c, v in row.items()]
        r, c, v = zip(*pairs, strict=True)
        matrix = csr_array((v, (r, c)), shape=(len(self.rows), len(shares)))
        equal = np.array([right for _, right in self.rows])
        held = [LinearConstraint(matrix, equal, equal)]
        if len(limits):
            held.append(LinearConstraint(shares[:, 1:].T, -np.inf, limits - np.array(base[1:])))
        solution = milp(
            -shares[:, 0],
            constraints=held,
            integrality=np.ones(len(shares)),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.0},
        )
        return None if solution.status == 2 else base[0] - float(solution.fun)


def program_value(problem: Separable, at: int) -> float | None:
    """Best value at one resolution: binaries for widths, depths by widths, options by depth."""
    sums, grid, program = (problem.value, *problem.costs), problem.grid, Program()

    def shares(pick: Callable[[GridSum], Floats], *places: int) -> list[float]:
        arrays = [pick(grid_sum) for grid_sum in sums]
        return [
            float(a[tuple(min(p, n - 1) for p, n in zip(places, a.shape, strict=True))])
            for a in arrays
        ]

    enter = [
        program.binary(shares(lambda s: s.entry, at, e)) for e in range(len(grid.input_width.codes))
    ]
    program.rows.append((dict.fromkeys(enter, 1.0), 1.0))
    for number, stage in enumerate(grid.stages):
        leave: list[dict[int, float]] = [{} for _ in stage.output_width.codes]
        for e, entered in enumerate(enter):
            from_here: dict[int, float] = {}
            for k in range(len(stage.output_width.codes)):
                depths = [
                    program.binary(shares(lambda s: s.stages[number].depths, at, e, k, d))  # noqa: B023
                    for d in range(len(stage.depths))
                ]
                from_here |= dict.fromkeys(depths, 1.0)
                leave[k] |= dict.fromkeys(depths, 1.0)
                for block in range(len(stage.kernels)):
                    options = [
                        program.binary(
                            shares(lambda s: s.stages[number].blocks, at, e, k, block, o)  # noqa: B023
                        )
                        for o in range(stage.options.shape[1])
                    ]
                    deep = [d for d, n in zip(depths, stage.depths, strict=True) if n > block]
                    row = dict.fromkeys(options, 1.0) | dict.fromkeys(deep, -1.0)
                    program.rows.append((row, 0.0))
            if isinstance(entered, int):
                program.rows.append((from_here | {entered: -1.0}, 0.0))
        enter = []
        for ways in leave:
            left = program.binary([0.0] * len(sums))
            program.rows.append((ways | {left: -1.0}, 0.0))
            enter.append(left)
    return program.solve([float(grid_sum.base[at]) for grid_sum in sums], problem.limits)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(sorted(GRIDS)),
    seed=st.integers(0, 10_000),
    limits=st.integers(0, 3),
    plain=st.booleans(),
    tightness=st.sampled_from([0.0, 0.003, 0.03, 0.2, 0.6, 1.0]),
)
def test_exact_search_agrees_with_exhaustive_search(
    name: str, seed: int, limits: int, plain: bool, tightness: float
) -> None:
    grid, codes, rng = grid_of(name), CODES[name], np.random.default_rng(seed)
    costs = tuple(random_parts(grid, rng, plain=bool(rng.integers(2))) for _ in range(limits))
    problem = Separable(
        grid=grid,
        value=random_parts(grid, rng, least=-1.0, plain=plain),
        costs=costs,
        limits=np.array([np.quantile(total(grid, cost, codes), tightness) for cost in costs]),
    )

    best, tried = best_of_sum(problem, keep=3), best_by_trying(problem, codes)

    assert (best is None) == (tried is None)
    if best is not None:
        assert best.values[0] == pytest.approx(tried, abs=1e-9)
        assert best.exact
        assert best.bound >= best.values[0] - 1e-9
        assert best.values.tolist() == sorted(best.values, reverse=True)
        np.testing.assert_allclose(total(grid, problem.value, best.codes), best.values)
        for cost, limit in zip(costs, problem.limits, strict=True):
            assert (total(grid, cost, best.codes) <= limit * (1 + 1e-9)).all()
        grid.layout.check(best.codes, name)
        assert (grid.layout.canonical(best.codes) == best.codes).all()


@pytest.mark.slow
@pytest.mark.parametrize("limits", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("name", "resolutions"), [("tiny", (16, 32)), ("ofa-resnet50d", (160, 224))]
)
def test_exact_search_agrees_with_integer_programming(
    name: str, resolutions: tuple[int, ...], seed: int, limits: int
) -> None:
    space = SearchSpace.load(name)
    space = space.with_resolutions(
        resolutions if resolutions[0] in space.resolutions else space.resolutions[:2]
    )
    grid, rng = Grid.of(space.layout), np.random.default_rng(seed)
    assert grid is not None
    codes = space.sample_codes(rng, 60)
    costs = tuple(random_parts(grid, rng, plain=k == 1) for k in range(limits))
    problem = Separable(
        grid=grid,
        value=random_parts(grid, rng, plain=seed == 1),
        costs=costs,
        limits=np.array([np.quantile(total(grid, cost, codes), 0.1) for cost in costs]),
    )

    best = best_of_sum(problem)
    by_resolution = [program_value(problem, at) for at in range(2)]

    feasible_values = [value for value in by_resolution if value is not None]
    assert best is not None
    assert best.values[0] == pytest.approx(max(feasible_values), abs=1e-6)
    bounds = least_bound(problem).bound
    assert all(
        value is None or bound >= value - 1e-6
        for bound, value in zip(bounds, by_resolution, strict=True)
    )


def test_an_infeasible_problem_is_none_for_both() -> None:
    grid, rng = grid_of(RESNET.name), np.random.default_rng(0)
    cost = random_parts(grid, rng)
    least = total(grid, cost, CODES[RESNET.name]).min()
    value = random_parts(grid, rng)

    below = Separable(grid=grid, value=value, costs=(cost,), limits=np.array([least * 0.999]))
    at = Separable(grid=grid, value=value, costs=(cost,), limits=np.array([least]))

    assert best_of_sum(below) is None
    assert [program_value(below, place) for place in range(2)] == [None, None]
    best = best_of_sum(at)
    assert best is not None
    assert total(grid, cost, best.codes)[0] == pytest.approx(least)


def test_an_incidental_network_is_not_returned_as_the_best() -> None:
    """Networks with slack in their limits turn up below the required value, before better ones."""
    grid = grid_of(MOBILE.name)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        costs = tuple(random_parts(grid, rng) for _ in range(2))
        every = [total(grid, cost, CODES[MOBILE.name]) for cost in costs]
        limits = np.array([np.quantile(values, 0.1) for values in every])
        value = random_parts(grid, rng, least=-1.0)
        problem = Separable(grid=grid, value=value, costs=costs, limits=limits)

        best, tried = best_of_sum(problem), best_by_trying(problem, CODES[MOBILE.name])

        assert (best is None) == (tried is None)
        assert best is None or best.values[0] == pytest.approx(tried, abs=1e-9)


def test_pairs_are_those_that_reach_the_required_value() -> None:
    def built(values: list[float], costs: list[float]) -> PartialNetworks:
        picks = np.arange(len(values), dtype=np.int16)[:, None]
        return PartialNetworks(np.array(values), np.array(costs)[:, None], picks)

    bounds = PartialBounds(prices=np.array([0.5]), limits=np.array([4.0]), least=3.0)
    first, second = built([1, 2], [0, 2]), built([3, 1, 6], [2, 0, 4])

    # By hand: reduced 1, 1 and 2, 1, 4; with 0.5 to come, two together must reach at least 2.5.
    pairs, cut = bounds.pairs(first, second, 0.5)

    assert not cut
    assert sorted(pairs.choices.tolist()) == [[0, 0], [0, 2], [1, 0]]  # [1, 2] costs 6
    assert sorted(pairs.values.tolist()) == [4, 5, 7]
