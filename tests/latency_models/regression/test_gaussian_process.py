"""`latency_models.regression.gaussian_process`: by hand, and against scikit-learn."""

import numpy as np
import pytest

from latency_models.regression.gaussian_process import GaussianProcess

RNG = np.random.default_rng(0)
POINTS, OTHERS = RNG.normal(size=(12, 2)), RNG.normal(size=(5, 2))
VALUES = RNG.normal(size=12)


def rbf(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * ((a[:, None] - b[None]) ** 2).sum(axis=2)))


def two(noise: float) -> GaussianProcess:
    """Two points with a prior variance of 1 and a covariance of 0.5."""
    return GaussianProcess.of(np.array([[[1.0, 0.5], [0.5, 1.0]]]), noise)


def test_two_points_by_hand() -> None:
    process, values = two(1.0), np.array([1.0, 3.0])

    # The inverse of [[2, 0.5], [0.5, 2]] is [[2, -0.5], [-0.5, 2]] / 3.75.
    assert process.weights(values) == pytest.approx(np.array([[0.5, 5.5]]) / 3.75)
    # Given the other alone, the means are 0.5 / 2 times its value.
    assert process.left_out(values) == pytest.approx(np.array([[1 - 0.75, 3 - 0.25]]))
    assert process.left_out_variances == pytest.approx(np.full((1, 2), 2 - 0.25 / 2))
    # The quadratic form is 17 / 3.75, the determinant 3.75.
    assert process.log_likelihood(values) == pytest.approx(
        [-0.5 * (17 / 3.75 + np.log(3.75)) - np.log(2 * np.pi)]
    )
    # Of the first point itself: 1 - (1, 0.5) (2, -0.5; -0.5, 2) (1, 0.5)' / 3.75.
    cross = np.array([[1.0, 0.5]])
    assert process.variances(cross, np.ones(1)) == pytest.approx(np.array([[1 - 2.0 / 3.75]]))


def test_many_covariances_are_solved_at_once() -> None:
    covariances = np.stack([0.5 * rbf(POINTS, POINTS), 2.0 * rbf(POINTS, POINTS)])
    noises = np.array([[0.1], [0.4]])

    both = GaussianProcess.of(covariances, noises)

    for place in range(2):
        alone = GaussianProcess.of(covariances[place : place + 1], noises[place])
        assert both.weights(VALUES)[place] == pytest.approx(alone.weights(VALUES)[0])
        assert both.log_likelihood(VALUES)[place] == pytest.approx(alone.log_likelihood(VALUES)[0])
        assert both.left_out(VALUES)[place] == pytest.approx(alone.left_out(VALUES)[0])


def test_it_equals_that_of_scikit_learn() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    peer = GaussianProcessRegressor(RBF(1.0), alpha=0.3, optimizer=None).fit(POINTS, VALUES)
    mean, std = peer.predict(OTHERS, return_std=True)

    process = GaussianProcess.of(rbf(POINTS, POINTS)[None], 0.3)

    cross = rbf(OTHERS, POINTS)
    assert cross @ process.weights(VALUES)[0] == pytest.approx(mean)
    assert process.variances(cross, np.ones(5))[0] == pytest.approx(std**2)
    assert process.log_likelihood(VALUES)[0] == pytest.approx(peer.log_marginal_likelihood_value_)


def test_left_out_is_a_fit_without_the_point() -> None:
    process = GaussianProcess.of(rbf(POINTS, POINTS)[None], 0.3)

    for out in range(len(POINTS)):
        rest = np.delete(np.arange(len(POINTS)), out)
        others = GaussianProcess.of(rbf(POINTS[rest], POINTS[rest])[None], 0.3)
        cross = rbf(POINTS[[out]], POINTS[rest])
        mean = cross[0] @ others.weights(VALUES[rest])[0]
        variance = others.variances(cross, np.ones(1))[0, 0] + 0.3
        assert process.left_out(VALUES)[0, out] == pytest.approx(VALUES[out] - mean)
        assert process.left_out_variances[0, out] == pytest.approx(variance)


def test_a_covariance_that_rounding_made_indefinite_is_solved() -> None:
    """An overhead of 1e9 times a network's base, as of prior costs of nearly nothing."""
    covariances = np.stack([np.full((3, 3), 1e18), np.eye(3)])

    process = GaussianProcess.of(covariances, 1e-6)

    assert np.isfinite(process.weights(np.ones(3))).all()
    assert process.log_likelihood(np.ones(3))[1] == pytest.approx(
        -1.5 * (1 + np.log(2 * np.pi)), abs=1e-5
    )
