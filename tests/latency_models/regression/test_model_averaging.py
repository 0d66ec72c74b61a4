"""Model averaging: evidence, hyperparameters, and the factor of all predictions."""

import numpy as np
import pytest

from latency_models.regression.model_averaging import (
    MOST_TO_AVERAGE,
    Floats,
    ProblemOf,
    average,
    bias_factor,
)
from latency_models.regression.variance_components import Rows, VarianceComponents, grid_of

GRID = grid_of((0.0, 0.1), (0.01, 0.1), (1.0,))


def of_bases(measured: Floats, bases: list[float]) -> ProblemOf:
    """Candidates that are constants; one unknown part, of rows by themselves."""

    def problem(candidate: int, rows: Rows) -> VarianceComponents:
        count = len(rows)
        return VarianceComponents(
            values=measured[rows] - bases[candidate],
            fixed=np.full((count, count), 1e-6),
            parts=np.eye(count)[None],
            log_odds=0.0,
        )

    return problem


@pytest.mark.parametrize("networks", [10, MOST_TO_AVERAGE + 10])
def test_the_candidate_that_fits_has_nearly_all_of_the_average(networks: int) -> None:
    measured = 1 + 0.01 * np.random.default_rng(0).normal(size=networks)

    rows, means = average(of_bases(measured, [0.0, 1.0, 2.0]), ["a", "b", "c"], networks, GRID)

    assert len(rows) == networks
    assert sum(mean.share for mean in means) == pytest.approx(1)
    assert sum(mean.share for mean in means if mean.candidate == 1) > 0.99
    assert all(mean.weights.shape == mean.left_out.shape == (networks,) for mean in means)


def test_the_mean_of_a_candidate_is_that_of_its_hypotheses() -> None:
    """Of two equal candidates, each has half of every sum, a part also times its variance."""
    grid = grid_of((0.1,), (0.05,), (1.0,))
    problem = of_bases(np.array([1.1, 0.9, 1.0]), [1.0, 1.0])

    rows, means = average(problem, ["a", "b"], 3, grid)

    alone = problem(0, rows).solve(grid)
    for mean in means:
        assert mean.weights == pytest.approx(0.5 * alone.weights[0])
        assert mean.left_out == pytest.approx(0.5 * alone.left_out[0])
        assert mean.parts == pytest.approx(0.01 * 0.5 * alone.weights)


def test_candidates_that_fit_equally_share_evenly() -> None:
    _, means = average(of_bases(np.ones(10), [1.0, 1.0]), ["a", "b"], 10, GRID)

    shares = [sum(mean.share for mean in means if mean.candidate == place) for place in (0, 1)]
    assert shares == pytest.approx([0.5, 0.5])


def test_the_bias_is_that_of_most_networks_and_shrunk_for_few() -> None:
    """Ten networks, all 10 % slower than predicted, correct half of it."""
    left_out = np.full(10, 2.0)

    assert bias_factor(1.1 * left_out, left_out) == pytest.approx(1.1**0.5)
    many = np.full(1000, 2.0)
    measured = 1.1 * many
    measured[::20] *= 2  # slow outliers change nothing
    assert bias_factor(measured, many) == pytest.approx(1.1, rel=2e-3)
