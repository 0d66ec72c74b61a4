"""Lagrangian bounds compared with every network of a small space."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from supernet.search.dual_descent import descend
from supernet.search.exact import SearchEffort, best_of_sum
from supernet.search.grid import Grid, GridSum, StageParts
from supernet.search.lagrangian_bound import (
    Separable,
    least_bound,
    lower_bound,
    relax,
    repeated,
    spread_of,
)
from tests.support.sampling_spaces import MOBILE, RESNET, Everything
from tests.support.search_sums import best_by_trying, random_parts, total

Floats = NDArray[np.float64]
SPACES = {"mobile": MOBILE, "resnet": RESNET}
CODES = {name: Everything.of(space.layout).codes for name, space in SPACES.items()}


def grid_of(name: str) -> Grid:
    grid = Grid.of(SPACES[name].layout)
    assert grid is not None
    return grid


def problem_of(name: str, limits: int, seed: int, tightness: float = 0.2) -> Separable:
    grid, rng = grid_of(name), np.random.default_rng(seed)
    costs = tuple(random_parts(grid, rng, plain=k == 1) for k in range(limits))
    return Separable(
        grid=grid,
        value=random_parts(grid, rng, least=-1.0),
        costs=costs,
        limits=np.array([np.quantile(total(grid, cost, CODES[name]), tightness) for cost in costs]),
    )


def bounds_by_trying(name: str, problem: Separable, prices: Floats) -> Floats:
    """At prices (n, K), by resolution: most value less priced costs, and the priced limits."""
    grid, codes = problem.grid, CODES[name]
    value = total(grid, problem.value, codes)
    costs = np.array([total(grid, cost, codes) for cost in problem.costs]).reshape(-1, len(codes))
    highest = []
    for resolution in grid.resolutions:
        here = codes[:, 0] == resolution
        highest.append([(value[here] - of_one @ costs[:, here]).max() for of_one in prices])
    return np.array(highest).T + (prices @ problem.limits)[:, None]


def bound_by_trying(name: str, problem: Separable, prices: Floats) -> list[float]:
    """Bounds by resolution at one price for each limit."""
    bounds: list[float] = bounds_by_trying(name, problem, prices[None])[0].tolist()
    return bounds


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("limits", [0, 1, 2])
def test_the_relaxation_is_the_best_of_all_networks_at_these_prices(name: str, limits: int) -> None:
    problem = problem_of(name, limits, seed=limits)
    prices = np.random.default_rng(7).uniform(0, 2, size=limits)

    relaxed = relax(problem, np.tile(prices, (len(problem.grid.resolutions), 1)))

    expected = bound_by_trying(name, problem, prices)
    assert relaxed.bound.tolist() == pytest.approx(expected, abs=1e-12)
    for place, bound in enumerate(expected):
        single = relaxed.at(place)
        assert single.bound.tolist() == pytest.approx([bound], abs=1e-12)
        assert single.prices.tolist() == [prices.tolist()]
        # What is ahead of each stage, at the last of which nothing is.
        assert [single.after(number).shape[0] for number in range(len(single.stages))] == [1] * len(
            single.stages
        )
        assert not single.after(len(single.stages) - 1).any()
        assert single.after(0) is single.stages[1].to_go
        alone = relax(problem.at(place), prices[None])
        assert alone.bound.tolist() == pytest.approx([bound], abs=1e-12)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("seed", "tightness"), [(0, 0.01), (1, 0.01), (2, 0.3), (3, 0.3)])
def test_the_bound_under_one_limit_is_the_lowest_possible(
    name: str, seed: int, tightness: float
) -> None:
    problem = problem_of(name, 1, seed, tightness)

    least = least_bound(problem)

    tried = np.concatenate([[0.0], np.geomspace(1e-3, 1e2, 800)])
    lowest = bounds_by_trying(name, problem, tried[:, None]).min(axis=0)
    # To a hundredth of the price, and so of what the limit is worth at it.
    slack = 0.01 * least.prices[:, 0] * problem.limits[0] + 1e-3
    assert (least.bound <= lowest + slack).all()
    for place, price in enumerate(least.prices):
        assert least.bound[place] == pytest.approx(bound_by_trying(name, problem, price)[place])


def test_without_a_limit_that_binds_nothing_has_a_price() -> None:
    loose = replace(problem_of("mobile", 2, seed=1), limits=np.array([1e3, 1e3]))

    assert not least_bound(loose).prices.any()


@pytest.mark.parametrize("seed", range(3))
def test_descent_lowers_the_bound_of_two_limits_and_it_remains_valid(seed: int) -> None:
    problem = problem_of("mobile", 2, seed, tightness=0.3)
    relaxed = least_bound(problem)
    codes, grid = CODES["mobile"], problem.grid
    within = np.all(
        [total(grid, c, codes) <= at for c, at in zip(problem.costs, problem.limits, strict=True)],
        axis=0,
    )

    for place, resolution in enumerate(grid.resolutions):
        own = descend(problem.at(place), relaxed.at(place), 40)
        here = within & (codes[:, 0] == resolution)
        best = total(grid, problem.value, codes)[here].max(initial=-np.inf)
        assert best <= own.bound[0] + 1e-12
        assert own.bound[0] <= relaxed.bound[place] + 1e-12


def test_a_repeated_problem_has_each_resolution_consecutively() -> None:
    problem = problem_of("mobile", 1, seed=0)

    many = repeated(problem, 3)

    prices = np.linspace(0, 1, 6)[:, None]
    by_price = [bound_by_trying("mobile", problem, price) for price in prices]
    expected = [by_price[row][row // 3] for row in range(6)]
    assert relax(many, prices).bound.tolist() == pytest.approx(expected, abs=1e-12)


def test_the_least_and_the_spread_of_a_sum_by_hand() -> None:
    parts = GridSum(
        base=np.array([1.0, 4.0]),
        entry=np.array([[2.0, 5.0]]),
        stages=(
            StageParts(
                depths=np.array([[[[3.0, 1.0]]]]),
                # Of the first block all are above 0, and the second is 0 or less.
                blocks=np.array([[[[[2.0, 3.0], [-4.0, 0.0]]]]]),
            ),
        ),
    )

    # A block may be absent, which is worth 0.
    assert lower_bound(parts) == pytest.approx(1 + 2 + 1 + 0 - 4)
    assert spread_of(parts) == pytest.approx(3 + 3 + 2 + 3 + 4)
    grid = grid_of("mobile")
    problem = Separable(grid=grid, value=parts, costs=(), limits=np.zeros(0))
    assert problem.value_spread == pytest.approx(15)
    assert replace(problem, spread=2.5).value_spread == 2.5


# What the exact search guarantees besides the best network.


@pytest.mark.parametrize("name", SPACES)
def test_without_limits_the_bound_is_the_best_itself(name: str) -> None:
    problem = problem_of(name, 0, seed=3)

    best = best_of_sum(problem)

    assert best is not None
    assert best.bound == pytest.approx(best.values[0], rel=1e-9)
    assert best.values[0] == pytest.approx(total(problem.grid, problem.value, CODES[name]).max())


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_holds_for_every_network_within_the_limits(seed: int) -> None:
    problem = problem_of("mobile", 1, seed, tightness=0.1)

    best = best_of_sum(problem)

    assert best is not None
    relaxed = least_bound(problem)
    assert best.values[0] <= best.bound <= relaxed.bound.max() + 1e-12


def test_a_best_network_far_below_the_bound_is_found() -> None:
    far = 0
    for seed in range(8):
        problem = problem_of("mobile", 2, seed, tightness=0.15)
        best, tried = best_of_sum(problem), best_by_trying(problem, CODES["mobile"])

        assert (best is None) == (tried is None)
        if best is not None:
            assert best.values[0] == pytest.approx(tried)
            far += best.bound - best.values[0] > problem.value_spread / 64
    assert far >= 2  # the first required value, 1/256 below the bound, is lowered more than once


def test_networks_not_above_the_required_value_are_not_returned() -> None:
    problem = problem_of("mobile", 1, seed=2)
    best = best_of_sum(problem)
    assert best is not None
    value = float(best.values[0])

    below = best_of_sum(problem, above=value - 1e-6)

    assert below is not None
    assert below.values[0] == pytest.approx(value)
    assert best_of_sum(problem, above=value) is None
    assert best_of_sum(problem, above=value + 1e-6) is None


def test_the_requested_number_of_distinct_networks_is_returned() -> None:
    problem = problem_of("mobile", 1, seed=1, tightness=0.05)
    best = best_of_sum(problem, keep=1)
    several = best_of_sum(problem, keep=3)

    assert best is not None
    assert several is not None
    assert len(best.codes) == 1
    assert len(np.unique(several.codes, axis=0)) == 3
    assert (several.codes[0] == best.codes[0]).all()
    assert several.values.tolist() == sorted(several.values, reverse=True)
    assert several.values.tolist() == pytest.approx(
        total(problem.grid, problem.value, several.codes).tolist()
    )


@pytest.mark.parametrize(("most", "exact"), [(2, False), (4, False), (8, True)])
def test_a_truncated_search_is_not_reported_as_exact(most: int, exact: bool) -> None:
    problem = problem_of("resnet", 2, seed=0, tightness=0.3)
    full, cut = best_of_sum(problem), best_of_sum(problem, effort=SearchEffort(most=most))

    assert full is not None
    assert full.exact
    assert cut is not None
    assert cut.exact == exact
    assert cut.values[0] <= full.values[0] + 1e-12
    assert cut.bound >= full.values[0] - 1e-9
    if exact:
        assert cut.values[0] == full.values[0]


@pytest.mark.parametrize("name", SPACES)
def test_under_one_limit_only_dominated_networks_are_dropped(name: str) -> None:
    problem = problem_of(name, 1, seed=4, tightness=0.3)
    full, least = best_of_sum(problem), best_of_sum(problem, effort=SearchEffort(most=1))

    assert full is not None
    assert least is not None
    assert least.exact
    assert least.values[0] == full.values[0]


def test_omitted_resolutions_make_the_result_inexact() -> None:
    grid = grid_of("mobile")
    rng = np.random.default_rng(0)
    cost = random_parts(grid, rng)
    # Both resolutions have the same values: neither can be ruled out by the other.
    value = random_parts(grid, rng, plain=True)
    value = replace(value, base=np.zeros(2))
    limits = np.array([np.quantile(total(grid, cost, CODES["mobile"]), 0.1)])
    problem = Separable(grid=grid, value=value, costs=(cost,), limits=limits)

    first_only, both = (best_of_sum(problem, effort=SearchEffort(sizes=sizes)) for sizes in (1, 2))

    assert first_only is not None
    assert both is not None
    assert both.exact
    assert first_only.values[0] <= both.values[0]
