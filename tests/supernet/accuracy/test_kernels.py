"""Predictions by kernels are the weighted sum of similarities, however they are computed."""

import numpy as np
import pytest

from supernet.accuracy.kernels import Kernel, KernelModel


@pytest.mark.parametrize("name", ["linear", "quadratic", "rbf"])
@pytest.mark.parametrize("n", [1, 7, 1300])  # 1300: more than are worked on at once
def test_predictions_are_weighted_similarities(name: str, n: int) -> None:
    rng = np.random.default_rng(0)
    support = (rng.random((40, 12)) < 0.5).astype(np.float64)
    features = (rng.random((n, 12)) < 0.5).astype(np.float64)
    values, weights = 0.7 + 0.1 * rng.random(40), rng.normal(size=40)
    kernel = Kernel(name=name, gamma=0.3, ridge=0.1)
    model = KernelModel(kernel=kernel, support=support, values=values, weights=weights)

    similarity = {
        "linear": 1 + 0.3 * features @ support.T,
        "quadratic": (1 + 0.3 * features @ support.T) ** 2,
        "rbf": np.exp(-0.3 * ((features[:, None] - support[None]) ** 2).sum(axis=2)),
    }[name]

    expected = values.mean() + similarity @ weights
    np.testing.assert_allclose(model.predict(features), expected, rtol=1e-11, atol=1e-12)


def test_no_networks_have_no_accuracies() -> None:
    model = KernelModel(
        kernel=Kernel(name="rbf", gamma=0.3, ridge=0.1),
        support=np.eye(3),
        values=np.ones(3),
        weights=np.ones(3),
    )

    assert model.predict(np.zeros((0, 3))).shape == (0,)
