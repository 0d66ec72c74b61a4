"""`latency_models.regression.robust_gp`: against sums by hand, and against outliers."""

import numpy as np
import pytest

from latency_models.regression import robust_gp
from latency_models.regression.robust_gp import solve

ONE = np.ones(1)


def level(values: list[float], noise: float, skew: float = 1.0) -> float:
    """What all of some values have in common, known to within 1 before any was seen."""
    flat = np.ones((1, len(values), len(values)))
    found = solve(flat, np.array(values), noise * ONE, skew * ONE)
    return float(found.weights[0].sum())


def test_nearly_normal_noise_is_the_textbook_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prior variance 1, noise variance 1/4, four values: mean * 1 / (1 + 1/16)."""
    monkeypatch.setattr(robust_gp, "FREEDOM", 1e9)

    assert level([1.0, 2.0, 2.0, 3.0], 0.5) == pytest.approx(2.0 / (1 + 1 / 16))


def test_nearly_normal_evidence_is_the_normal_density(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robust_gp, "FREEDOM", 1e9)
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    values = np.array([0.3, -1.2])

    found = solve(covariance[None], values, 0.5 * ONE, ONE)

    whole = covariance + 0.25 * np.eye(2)
    square = values @ np.linalg.solve(whole, values)
    density = -0.5 * (square + np.log(np.linalg.det(whole)) + 2 * np.log(2 * np.pi))
    assert found.evidence[0] == pytest.approx(density, abs=1e-6)


def test_left_out_is_what_the_others_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a value that nothing tells of, all is left; of one among four, little."""
    monkeypatch.setattr(robust_gp, "FREEDOM", 1e9)
    covariance = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    found = solve(covariance[None], np.array([1.0, 1.0, 5.0]), 0.1 * ONE, ONE)

    # The first is told by the second: 1 / 1.01 of it.
    assert found.left_out[0] == pytest.approx([1 - 1 / 1.01, 1 - 1 / 1.01, 5.0])


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

    one = solve(flat, slow, np.full(2, 0.02), skews).evidence
    other = solve(flat, -slow, np.full(2, 0.02), skews).evidence

    assert one[1] > one[0]
    assert other[1] < other[0]
