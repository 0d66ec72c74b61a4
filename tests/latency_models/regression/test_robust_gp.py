"""`latency_models.regression.robust_gp`: compared with sums by hand, and on outliers."""

import numpy as np
import pytest

from latency_models.regression import robust_gp
from latency_models.regression.robust_gp import solve, solve_huber

UNIT = np.ones(1)


def level(values: list[float], noise: float, skew: float = 1.0) -> float:
    """Posterior mean of what all values have in common, with a prior variance of 1."""
    flat = np.ones((1, len(values), len(values)))
    solution = solve(flat, np.array(values), noise * UNIT, skew * UNIT)
    return float(solution.weights[0].sum())


def test_nearly_normal_noise_is_the_textbook_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prior variance 1, noise variance 1/4, four values: mean * 1 / (1 + 1/16)."""
    monkeypatch.setattr(robust_gp, "FREEDOM", 1e9)

    assert level([1.0, 2.0, 2.0, 3.0], 0.5) == pytest.approx(2.0 / (1 + 1 / 16))


def test_nearly_normal_evidence_is_the_normal_density(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robust_gp, "FREEDOM", 1e9)
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    values = np.array([0.3, -1.2])

    solution = solve(covariance[None], values, 0.5 * UNIT, UNIT)

    whole = covariance + 0.25 * np.eye(2)
    square = values @ np.linalg.solve(whole, values)
    density = -0.5 * (square + np.log(np.linalg.det(whole)) + 2 * np.log(2 * np.pi))
    assert solution.evidence[0] == pytest.approx(density, abs=1e-6)


def test_left_out_errors_are_those_of_fits_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """An independent value is left out in full, one of two that are the same only in part."""
    monkeypatch.setattr(robust_gp, "FREEDOM", 1e9)
    covariance = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    solution = solve(covariance[None], np.array([1.0, 1.0, 5.0]), 0.1 * UNIT, UNIT)

    # The second predicts 1 / 1.01 of the first.
    assert solution.left_out[0] == pytest.approx([1 - 1 / 1.01, 1 - 1 / 1.01, 5.0])


def test_one_slow_network_hardly_counts() -> None:
    clean = level([1.0, 1.01, 0.99, 1.0], 0.01)

    assert level([1.0, 1.01, 0.99, 1.0, 3.0], 0.01) == pytest.approx(clean, abs=0.01)


def test_skewed_noise_lies_on_the_slow_side() -> None:
    values = [1.0, 1.0, 1.02, 1.05, 1.3, 1.5]

    assert level(values, 0.03, skew=4.0) < level(values, 0.03)


def test_slow_outliers_are_likelier_under_skewed_noise_and_fast_ones_are_not() -> None:
    flat = np.ones((2, 6, 6))
    slow = np.array([0.0, 0.01, -0.01, 0.0, 0.2, 0.3])
    skews = np.array([1.0, 4.0])

    of_slow = solve(flat, slow, np.full(2, 0.02), skews).evidence
    of_fast = solve(flat, -slow, np.full(2, 0.02), skews).evidence

    assert of_slow[1] > of_slow[0]
    assert of_fast[1] < of_fast[0]


def test_huber_by_hand() -> None:
    """A value 10 standard deviations off, which nothing predicts, has a fifth of its weight."""
    solution = solve_huber(np.zeros((1, 1, 1)), np.array([0.1]), np.array([0.01]))

    # Its noise variance is 0.01^2 / 0.2.
    assert solution.weights[0] == pytest.approx([0.1 / 5e-4])
    assert solution.left_out[0] == pytest.approx([0.1])
    # Beyond 2 standard deviations the loss is linear: 2 * (10 - 1).
    assert solution.evidence[0] == pytest.approx(-18 - np.log(0.01))


def test_huber_is_normal_where_nothing_is_far_off() -> None:
    covariance, values = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([0.3, 0.5])

    solution = solve_huber(covariance[None], values, UNIT)

    # The inverse of [[2, 0.5], [0.5, 2]] is [[2, -0.5], [-0.5, 2]] / 3.75.
    assert solution.weights[0] == pytest.approx([0.35 / 3.75, 0.85 / 3.75])
    left_out = np.array([0.3 - 0.125, 0.5 - 0.075])
    assert solution.left_out[0] == pytest.approx(left_out)
    variance = 2 - 0.25 / 2
    density = -0.5 * (left_out**2 / variance + np.log(variance))
    assert solution.evidence[0] == pytest.approx(density.mean())
