"""`latency_models.regression.plain`: ridge and constant, and when they take a fit's place."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from latency_models.regression.plain import (
    LEAST_TO_COMPARE,
    PENALTIES,
    RIDGE,
    better_plain,
    fit_constant,
    fit_ridge,
    surely_better,
)

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(14, 20), (30, 8)])
def test_ridge_uses_the_penalty_with_the_least_leave_one_out_error(
    shape: tuple[int, int],
) -> None:
    """Beside scikit-learn, which fits every penalty without each row in turn."""
    matrix = GENERATOR.integers(0, 3, shape).astype(float)
    values = matrix @ GENERATOR.normal(size=shape[1]) + 5 + GENERATOR.normal(size=shape[0])

    fit = fit_ridge(matrix, values)

    left_out = {
        penalty: np.array(
            [
                values[row]
                - Ridge(alpha=penalty)
                .fit(np.delete(matrix, row, 0), np.delete(values, row))
                .predict(matrix[row : row + 1])[0]
                for row in range(len(values))
            ]
        )
        for penalty in PENALTIES
    }
    best = min(left_out, key=lambda penalty: float(np.abs(left_out[penalty]).mean()))
    whole = Ridge(alpha=best).fit(matrix, values)
    assert fit.left_out == pytest.approx(left_out[best], abs=1e-6)
    assert fit.coefficients == pytest.approx(whole.coef_)
    assert fit.intercept == pytest.approx(whole.intercept_)


def test_identical_rows_reduce_ridge_to_the_mean() -> None:
    fit = fit_ridge(np.ones((4, 3)), np.array([1.0, 2.0, 3.0, 6.0]))

    assert fit.coefficients == pytest.approx(np.zeros(3))
    assert fit.intercept == pytest.approx(3)
    # The others' means are 11/3, 10/3, 3 and 2.
    assert fit.left_out == pytest.approx([1 - 11 / 3, 2 - 10 / 3, 0.0, 4.0])


def test_a_constant_is_the_median_and_left_out_errors_use_the_others_median() -> None:
    fit = fit_constant(np.ones((3, 2)), np.array([1.0, 2.0, 9.0]))

    assert fit.intercept == 2
    assert fit.coefficients.tolist() == [0, 0]
    assert fit.left_out.tolist() == [1 - 5.5, 2 - 5.0, 9 - 1.5]


def test_the_best_of_significantly_better_fits_is_chosen() -> None:
    errors = np.where(np.arange(LEAST_TO_COMPARE) % 2, 0.1, -0.1)  # signs count for nothing
    better, best = 0.9 * errors, 0.5 * errors
    # On average as good as `better`, but by one network of twenty: that is chance.
    lucky = 0.1 * np.ones(LEAST_TO_COMPARE)
    lucky[3] = -0.08

    assert surely_better(errors, [better, best]) == 1
    assert surely_better(errors, [errors, lucky]) is None
    assert surely_better(errors, [2 * errors]) is None


def test_a_fit_is_replaced_by_a_significantly_better_one_from_twenty_rows_on() -> None:
    matrix = np.eye(2)[np.arange(LEAST_TO_COMPARE) % 2]
    values = matrix @ [1.0, 2.0] + 0.001 * GENERATOR.normal(size=LEAST_TO_COMPARE)
    poor, unit = np.full(LEAST_TO_COMPARE, 0.8), np.ones(LEAST_TO_COMPARE)

    choice = better_plain(matrix, values, poor, unit)

    assert choice is not None
    assert choice.name == RIDGE
    assert better_plain(matrix, values, 0 * poor, unit) is None
    assert better_plain(matrix[1:], values[1:], poor[1:], unit[1:]) is None  # too few
