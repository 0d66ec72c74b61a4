"""`latency_models.regression.variance_components`: grids, starts, and steps from them."""

import numpy as np
import pytest

from latency_models.regression.robust_gp import NORMAL
from latency_models.regression.variance_components import (
    VarianceComponents,
    grid_of,
    refine,
    spread_rows,
    starts_of,
)

GRID = grid_of((0.0, 0.1, 0.4), (0.0,), (0.01, 0.04), (1.0, 4.0))


def test_every_combination_is_tried() -> None:
    assert grid_of((0.0, 0.1), (0.01, 0.1), (1.0,)).tolist() == [
        [0, 0.01, 1], [0, 0.1, 1], [0.1, 0.01, 1], [0.1, 0.1, 1]
    ]  # fmt: skip


def test_rows_are_spread_evenly() -> None:
    assert spread_rows(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread_rows(101, 3).tolist() == [0, 50, 100]


def test_one_component_by_hand() -> None:
    """A common effect of variance 4 with noise of variance 1 is 4 / 5 of one value."""
    process = VarianceComponents(
        values=np.array([10.0]), fixed=0.0, parts=np.ones((1, 1, 1)), log_odds=-3.0
    )

    solution = process.solve(np.array([[2.0, 1.0, 1.0]]), NORMAL)

    assert 4 * solution.weights[0, 0] == pytest.approx(8.0)
    assert solution.left_out == pytest.approx(np.array([[10.0]]))
    other = VarianceComponents(values=process.values, fixed=4.0, parts=process.parts)
    same = other.solve(np.array([[0.0, 1.0, 1.0]]), NORMAL)
    assert same.weights == pytest.approx(solution.weights)
    assert same.evidence - 3.0 == pytest.approx(solution.evidence)


def test_the_likeliest_of_a_grid_is_chosen() -> None:
    """Values of a standard deviation of 0.1 that all are one effect, or none."""
    count = 60
    spread = 0.1 * np.random.default_rng(0).normal(size=count)
    grid = grid_of((0.0, 0.1), (0.001, 0.1), (1.0,))

    independent = VarianceComponents(
        values=spread, fixed=0.0, parts=np.ones((1, count, count))
    ).choose(grid, NORMAL)
    common = VarianceComponents(
        values=0.1 + 0.01 * spread, fixed=0.0, parts=np.ones((1, count, count))
    ).choose(grid, NORMAL)

    assert independent[0].tolist()[1:] == [0.1, 1.0]
    assert common[0].tolist() == [0.1, 0.001, 1.0]
    assert common[1] > independent[1]


def test_starts_are_the_likeliest_of_each_skew_with_and_without_all_parts_and_the_middle() -> None:
    evidence = np.zeros(len(GRID))
    evidence[(GRID == [0.0, 0.0, 0.04, 4.0]).all(axis=1)] = 3
    evidence[(GRID == [0.4, 0.0, 0.01, 4.0]).all(axis=1)] = 2
    evidence[(GRID == [0.1, 0.0, 0.01, 1.0]).all(axis=1)] = 1

    scales = starts_of(evidence, GRID)

    # The middle: geometric means of 0.1 and 0.4, and of 0.01 and 0.04. The second part is never in.
    assert scales == pytest.approx(
        np.array(
            [
                [0.0, 0.0, 0.04, 4.0],
                [0.1, 0.0, 0.01, 1.0],
                [0.2, 0.0, 0.02, 1.0],
                [0.4, 0.0, 0.01, 4.0],
            ]
        )
    )


def test_an_omitted_component_is_added() -> None:
    """Two groups of networks 20 % apart: small steps from none at all gain nothing."""
    group = np.repeat([1.0, -1.0], 10)
    spread = 0.003 * np.random.default_rng(0).normal(size=20)
    problem = VarianceComponents(
        values=0.1 * group + spread,
        fixed=np.full((20, 20), 0.01),
        parts=np.outer(group, group)[None],
        log_odds=0.0,
    )

    scales = refine(problem, np.array([0.0, 0.12, 1.0]), 2.0, [1.0, 4.0])

    assert 0.05 <= scales[0] <= 0.2
    assert scales[1] < 0.01
    assert problem.solve(scales[None]).evidence[0] > 30


def test_noise_on_the_slow_side_is_seen_from_a_start_without_it() -> None:
    slow = np.zeros(30)
    slow[::4] = 0.3
    problem = VarianceComponents(
        values=slow + 0.01 * np.random.default_rng(1).normal(size=30),
        fixed=np.full((30, 30), 0.01),
        parts=np.eye(30)[None],
        log_odds=0.0,
    )

    assert refine(problem, np.array([0.0, 0.02, 1.0]), 2.0, [1.0, 4.0])[-1] == 4
