"""Kernel ridge regression of accuracies: kernels, fits, and choice by cross-validation."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from latency_models.regression.block_kernel import squared_exponential
from latency_models.regression.gaussian_process import GaussianProcess
from supernet.accuracy.cross_validation import PARTS, Array, CrossValidation, deal, root_mean_square

RIDGES = tuple(float(10.0**power) for power in np.arange(-4.0, 3.1, 0.5))
SCALES = (0.03, 0.1, 0.3, 1.0)  # of a kernel's gamma, times the number of features
_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """Covariance of two networks' accuracies by their features.

    "linear" is 1 + g x.y, "quadratic" its square (all pairs of choices), "rbf" exp(-g |x - y|^2).
    `ridge` is the variance of the noise, relative to that of the signal.
    """

    name: str
    gamma: float
    ridge: float

    def between(self, a: Array, b: Array) -> Array:
        """Return covariances (n, m) of features `a` (n, f) and `b` (m, f)."""
        if self.name == "rbf":
            unit = np.sqrt(2 * self.gamma)
            return squared_exponential(unit * a, unit * b)
        return self._of_product(a @ b.T)

    def with_itself(self, features: Array) -> Array:
        """Return the variance of each network, (n,)."""
        if self.name == "rbf":
            return np.ones(len(features))
        return self._of_product((features * features).sum(axis=1))

    def process(self, features: Array) -> GaussianProcess:
        """Return the Gaussian process observed at features (n, f)."""
        return GaussianProcess.of(self.between(features, features)[None], self.ridge)

    def _of_product(self, inner: Array) -> Array:
        linear = 1.0 + self.gamma * inner
        return linear if self.name == "linear" else linear**2

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        name = str(data["name"])
        if name not in ("linear", "quadratic", "rbf"):
            raise ValueError(f"kernel {name}")
        return cls(name=name, gamma=float(data["gamma"]), ridge=float(data["ridge"]))


@dataclass(frozen=True, kw_only=True)
class KernelModel:
    """Accuracies as a weighted sum of covariances with the networks of the fit.

    Attributes:
        kernel: of the covariances.
        support: (n, f), features of the networks of the fit.
        values: (n,), their accuracies.
        weights: (n,), those of the sum.
    """

    kind: ClassVar[str] = "kernel"
    kernel: Kernel
    support: Array
    values: Array
    weights: Array

    @property
    def settings(self) -> str:
        """Return the chosen kernel in words."""
        kernel = self.kernel
        return f"{kernel.name} kernel, gamma {kernel.gamma:.2g}, ridge {kernel.ridge:.2g}"

    def predict(self, features: Array) -> Array:
        """Return accuracies (n,) of networks by their features (n, f)."""
        if self.kernel.name != "rbf":
            constant, linear, square = self._polynomial
            predicted = constant + features @ linear
            if square is not None:
                predicted += ((features @ square) * features).sum(axis=1)
            return np.asarray(predicted)
        parts = np.array_split(features, max(1, -(-len(features) // _ROWS_AT_ONCE)))
        return np.concatenate([self._by_distance(part) for part in parts])

    def _by_distance(self, features: Array) -> Array:
        """The same with an rbf kernel, in one array (n, m)."""
        similar = features @ self._scaled_support.T
        similar -= self._scaled_squares
        similar -= self.kernel.gamma * (features * features).sum(axis=1)[:, None]
        np.exp(similar, out=similar)
        return np.asarray(self.values.mean() + similar @ self.weights)

    @cached_property
    def _scaled_support(self) -> Array:
        return np.asarray(2 * self.kernel.gamma * self.support)

    @cached_property
    def _scaled_squares(self) -> Array:
        return np.asarray(self.kernel.gamma * (self.support * self.support).sum(axis=1))

    @cached_property
    def _polynomial(self) -> tuple[float, Array, Array | None]:
        """Constant, linear (f,) and square terms (f, f) that a polynomial kernel adds up to.

        With them the time for a network does not grow with the number of networks of the fit.
        """
        gamma, projected = self.kernel.gamma, self.support.T @ self.weights
        constant = float(self.values.mean() + self.weights.sum())
        if self.kernel.name == "linear":
            return constant, gamma * projected, None
        square = gamma**2 * (self.support.T * self.weights) @ self.support
        return constant, 2 * gamma * projected, square

    def spread(self, features: Array) -> Array:
        """Return standard deviations (n,) of measured accuracies around their predictions.

        They are those of the Gaussian process of which `predict` is the mean (Rasmussen and
        Williams 2006, section 2.2), with the signal's variance of maximum likelihood.
        """
        scale = float((self.values - self.values.mean()) @ self.weights) / len(self.values)
        parts = np.array_split(features, max(1, -(-len(features) // _ROWS_AT_ONCE)))
        variances = np.concatenate([self._variances(part) for part in parts])
        return np.asarray(np.sqrt(max(scale, 0.0) * (variances + self.kernel.ridge)))

    def _variances(self, features: Array) -> Array:
        cross, own = self.kernel.between(features, self.support), self.kernel.with_itself(features)
        (variances,) = self._process.variances(cross, own)
        return np.asarray(variances)

    @cached_property
    def _process(self) -> GaussianProcess:
        return self.kernel.process(self.support)


def fit_kernel(features: Array, values: Array, seed: int) -> tuple[KernelModel, CrossValidation]:
    """Fit on features (n, f) and accuracies (n,), by the kernel that `choose` prefers."""
    kernel, cross_validation = choose(features, values, seed)
    weights = kernel.process(features).weights(values - values.mean())[0]
    model = KernelModel(kernel=kernel, support=features, values=values, weights=weights)
    return model, cross_validation


def choose(features: Array, values: Array, seed: int) -> tuple[Kernel, CrossValidation]:
    """Return the kernel with the least error on held-out parts, and that error.

    Of many pairs some are drawn, because the time grows with their cube.
    """
    drawn, part = deal(len(values), seed)
    features, values = features[drawn], values[drawn]
    best: tuple[float, Kernel, Array] | None = None
    for name, gamma in _candidates(features.shape[1]):
        held_out = _held_out(name, gamma, features, values, part)
        for ridge, predicted in held_out.items():
            rmse = root_mean_square(predicted - values)
            if best is None or rmse < best[0]:
                best = (rmse, Kernel(name=name, gamma=gamma, ridge=ridge), predicted)
    assert best is not None
    return best[1], CrossValidation.of(best[2], values, part)


def _candidates(features: int) -> list[tuple[str, float]]:
    over = max(features, 1)
    scaled = [(name, scale / over) for name in ("quadratic", "rbf") for scale in SCALES]
    return [("linear", 1.0 / over), *scaled]


def _held_out(
    name: str, gamma: float, features: Array, values: Array, part: NDArray[np.int64]
) -> dict[float, Array]:
    """Predictions (n,) for each part from a fit on the others, by ridge."""
    predicted = {ridge: np.empty(len(values)) for ridge in RIDGES}
    kernel = Kernel(name=name, gamma=gamma, ridge=0.0)
    covariance = kernel.between(features, features)
    for p in range(PARTS):
        seen, unseen = part != p, part == p
        # One eigendecomposition solves for every ridge.
        eigenvalues, vectors = np.linalg.eigh(covariance[np.ix_(seen, seen)])
        mean = values[seen].mean()
        projected = vectors.T @ (values[seen] - mean)
        cross = covariance[np.ix_(unseen, seen)] @ vectors
        for ridge in RIDGES:
            predicted[ridge][unseen] = mean + cross @ (
                projected / (np.maximum(eigenvalues, 0.0) + ridge)
            )
    return predicted
