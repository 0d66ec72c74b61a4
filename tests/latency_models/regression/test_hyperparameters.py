"""`latency_models.regression.hyperparameters`: where steps start, and what they reach."""

import numpy as np
import pytest

from latency_models.regression.hyperparameters import Likelihood, posterior, refine, starts_of
from latency_models.regression.model_averaging import grid_of

GRID = grid_of((0.0, 0.1, 0.4), (0.0,), (0.01, 0.04), (1.0, 4.0))


def test_starts_are_the_likeliest_of_each_skew_those_with_no_part_left_out_and_the_middle() -> None:
    evidence = np.zeros(len(GRID))
    evidence[(GRID == [0.0, 0.0, 0.04, 4.0]).all(axis=1)] = 3
    evidence[(GRID == [0.4, 0.0, 0.01, 4.0]).all(axis=1)] = 2
    evidence[(GRID == [0.1, 0.0, 0.01, 1.0]).all(axis=1)] = 1

    found = starts_of(evidence, GRID)

    # The middle: geometric means of 0.1 and 0.4, and of 0.01 and 0.04. The second part is never in.
    assert found == pytest.approx(
        np.array(
            [
                [0.0, 0.0, 0.04, 4.0],
                [0.1, 0.0, 0.01, 1.0],
                [0.2, 0.0, 0.02, 1.0],
                [0.4, 0.0, 0.01, 4.0],
            ]
        )
    )


def test_a_part_that_was_left_out_comes_in() -> None:
    """Two groups of networks 20 % apart: small steps from none at all gain nothing."""
    group = np.repeat([1.0, -1.0], 10)
    spread = 0.003 * np.random.default_rng(0).normal(size=20)
    problem = Likelihood(
        values=0.1 * group + spread,
        fixed=np.full((20, 20), 0.01),
        parts=np.outer(group, group)[None],
        log_odds=0.0,
    )

    found = refine(problem, np.array([0.0, 0.12, 1.0]), 2.0, [1.0, 4.0])

    assert 0.05 <= found[0] <= 0.2
    assert found[1] < 0.01
    assert posterior(problem, found[None]).evidence[0] > 30


def test_noise_on_the_slow_side_is_seen_from_a_start_without_it() -> None:
    slow = np.zeros(30)
    slow[::4] = 0.3
    problem = Likelihood(
        values=slow + 0.01 * np.random.default_rng(1).normal(size=30),
        fixed=np.full((30, 30), 0.01),
        parts=np.eye(30)[None],
        log_odds=0.0,
    )

    assert refine(problem, np.array([0.0, 0.02, 1.0]), 2.0, [1.0, 4.0])[-1] == 4
