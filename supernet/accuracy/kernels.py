"""Kernel ridge regression: kernels, solution, and choice by cross-validation."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from supernet.accuracy.cross_validation import PARTS, Array, CrossValidation, deal, root_mean_square

RIDGES = tuple(float(10.0**power) for power in np.arange(-4.0, 3.1, 0.5))
SCALES = (0.03, 0.1, 0.3, 1.0)  # of a kernel's gamma, over the number of features
_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How alike two networks' features are. `ridge` holds the fit back.

    "linear" is 1 + g x.y, "quadratic" its square (all pairs of choices), "rbf" exp(-g |x - y|^2).
    """

    name: str
    gamma: float
    ridge: float

    def between(self, a: Array, b: Array) -> Array:
        """Similarities of features `a` (n, f) and `b` (m, f): (n, m)."""
        inner = a @ b.T
        if self.name == "rbf":
            squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * inner
            return np.asarray(np.exp(-self.gamma * squares))
        return self._of_product(inner)

    def with_itself(self, features: Array) -> Array:
        """Similarity of each network with itself: (n,)."""
        if self.name == "rbf":
            return np.ones(len(features))
        return self._of_product((features * features).sum(axis=1))

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
    """Accuracies as a weighted sum of similarities to the networks that were fitted on.

    `support` (n, f) are their features, `values` (n,) their accuracies, `weights` (n,) theirs.
    """

    kind: ClassVar[str] = "kernel"
    kernel: Kernel
    support: Array
    values: Array
    weights: Array

    @property
    def settings(self) -> str:
        """What was chosen, for people."""
        kernel = self.kernel
        return f"{kernel.name} kernel, gamma {kernel.gamma:.2g}, ridge {kernel.ridge:.2g}"

    def predict(self, features: Array) -> Array:
        """Accuracies of networks by their features (n, f): (n,)."""
        if self.kernel.name != "rbf":
            constant, linear, square = self._polynomial
            found = constant + features @ linear
            if square is not None:
                found += ((features @ square) * features).sum(axis=1)
            return np.asarray(found)
        parts = np.array_split(features, max(1, -(-len(features) // _ROWS_AT_ONCE)))
        return np.concatenate([self._weighed(part) for part in parts])

    def _weighed(self, features: Array) -> Array:
        """The same by similarities (n, m), each made in the place of the one before."""
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

        So the effort for a network does not grow with those that were fitted on.
        """
        gamma, drawn = self.kernel.gamma, self.support.T @ self.weights
        constant = float(self.values.mean() + self.weights.sum())
        if self.kernel.name == "linear":
            return constant, gamma * drawn, None
        square = gamma**2 * (self.support.T * self.weights) @ self.support
        return constant, 2 * gamma * drawn, square

    def spread(self, features: Array) -> Array:
        """Standard deviation of a measured accuracy around its prediction, (n,).

        That of the Gaussian process whose mean this is (Rasmussen and Williams 2006, section
        2.2): `ridge` is the noise's variance over the signal's, whose scale is the likeliest.
        """
        scale = float((self.values - self.values.mean()) @ self.weights) / len(self.values)
        parts = np.array_split(features, max(1, -(-len(features) // _ROWS_AT_ONCE)))
        unknown = np.concatenate([self._unknown(part) for part in parts])
        return np.asarray(np.sqrt(max(scale, 0.0) * (unknown + self.kernel.ridge)))

    def _unknown(self, features: Array) -> Array:
        from scipy.linalg import cho_solve

        similarity = self.kernel.between(features, self.support)
        known = (similarity * cho_solve((self._factor, True), similarity.T).T).sum(axis=1)
        return np.asarray(np.maximum(self.kernel.with_itself(features) - known, 0.0))

    @cached_property
    def _factor(self) -> Array:
        factor = np.linalg.cholesky(_held_back(self.kernel, self.support))
        return np.asarray(factor, dtype=np.float64)


def fit_kernel(features: Array, values: Array, seed: int) -> tuple[KernelModel, CrossValidation]:
    """Fit on features (n, f) and accuracies (n,), by the kernel that `choose` prefers."""
    kernel, found = choose(features, values, seed)
    weights = solve(kernel, features, values)
    return KernelModel(kernel=kernel, support=features, values=values, weights=weights), found


def solve(kernel: Kernel, features: Array, values: Array) -> Array:
    """Weights (n,) with which similarities to `features` predict `values` around their mean."""
    return np.asarray(np.linalg.solve(_held_back(kernel, features), values - values.mean()))


def choose(features: Array, values: Array, seed: int) -> tuple[Kernel, CrossValidation]:
    """Return the kernel with the least error on held-out parts, and that error.

    Of very many pairs a part is drawn, for the effort grows with their cube.
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


class _Spectrum:
    """One eigendecomposition, which solves for every ridge."""

    def __init__(self, kernel: Kernel, features: Array, values: Array) -> None:
        eigenvalues, self._vectors = np.linalg.eigh(kernel.between(features, features))
        self._eigenvalues = np.maximum(eigenvalues, 0.0)
        self._projected = self._vectors.T @ (values - values.mean())

    def weights(self, ridge: float) -> Array:
        return np.asarray(self._vectors @ (self._projected / (self._eigenvalues + ridge)))


def _candidates(features: int) -> list[tuple[str, float]]:
    over = max(features, 1)
    scaled = [(name, scale / over) for name in ("quadratic", "rbf") for scale in SCALES]
    return [("linear", 1.0 / over), *scaled]


def _held_out(
    name: str, gamma: float, features: Array, values: Array, part: NDArray[np.int64]
) -> dict[float, Array]:
    """Predictions (n,) for each part from a fit on the others, by ridge."""
    predicted = {ridge: np.empty(len(values)) for ridge in RIDGES}
    for p in range(PARTS):
        seen, unseen = part != p, part == p
        kernel = Kernel(name=name, gamma=gamma, ridge=0.0)
        spectrum = _Spectrum(kernel, features[seen], values[seen])
        similarity = kernel.between(features[unseen], features[seen])
        for ridge in RIDGES:
            predicted[ridge][unseen] = values[seen].mean() + similarity @ spectrum.weights(ridge)
    return predicted


def _held_back(kernel: Kernel, features: Array) -> Array:
    similarity = kernel.between(features, features)
    similarity[np.diag_indices_from(similarity)] += kernel.ridge
    return similarity
