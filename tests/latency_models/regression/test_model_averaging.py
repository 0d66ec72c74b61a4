"""Model averaging: evidence, hyperparameters, and the factor of all predictions."""

import numpy as np
import pytest

from latency_models.regression.hyperparameters import Likelihood
from latency_models.regression.model_averaging import (
    MOST_TO_AVERAGE,
    Floats,
    ProblemOf,
    Rows,
    blend,
    grid_of,
    level_of,
    spread_rows,
)

GRID = grid_of((0.0, 0.1), (0.01, 0.1), (1.0,))


def of_bases(measured: Floats, bases: list[float]) -> ProblemOf:
    """Candidates that are constants; one unknown part, of rows by themselves."""

    def problem(candidate: int, rows: Rows) -> Likelihood:
        count = len(rows)
        return Likelihood(
            values=measured[rows] - bases[candidate],
            fixed=np.full((count, count), 1e-6),
            parts=np.eye(count)[None],
            log_odds=0.0,
        )

    return problem


def test_every_combination_is_tried() -> None:
    assert GRID.tolist() == [[0, 0.01, 1], [0, 0.1, 1], [0.1, 0.01, 1], [0.1, 0.1, 1]]


def test_rows_are_spread_evenly() -> None:
    assert spread_rows(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread_rows(101, 3).tolist() == [0, 50, 100]


@pytest.mark.parametrize("networks", [10, MOST_TO_AVERAGE + 10])
def test_the_candidate_that_fits_has_nearly_all_of_the_blend(networks: int) -> None:
    measured = 1 + 0.01 * np.random.default_rng(0).normal(size=networks)

    rows, found = blend(of_bases(measured, [0.0, 1.0, 2.0]), 3, networks, GRID)

    assert len(rows) == networks
    assert sum(one.share for one in found) == pytest.approx(1)
    assert sum(one.share for one in found if one.candidate == 1) > 0.99
    assert all(one.weights.shape == one.left_out.shape == (networks,) for one in found)


def test_candidates_that_fit_alike_share_evenly() -> None:
    _, found = blend(of_bases(np.ones(10), [1.0, 1.0]), 2, 10, GRID)

    shares = [sum(one.share for one in found if one.candidate == place) for place in (0, 1)]
    assert shares == pytest.approx([0.5, 0.5])


def test_a_level_is_told_by_most_networks_and_hardly_by_few() -> None:
    """Ten networks, all 10 % slower than predicted, say half of it: as many as are doubted."""
    left_out = np.full(10, 2.0)

    assert level_of(1.1 * left_out, left_out) == pytest.approx(1.1**0.5)
    many = np.full(1000, 2.0)
    measured = 1.1 * many
    measured[::20] *= 2  # slow outliers change nothing
    assert level_of(measured, many) == pytest.approx(1.1, rel=2e-3)
