"""Kernel ridge regression: the kernels, their solution, and the choice by cross-validation."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PARTS = 5
MOST_COMPARED = 1000  # pairs on which kernels are compared
RIDGES = tuple(float(10.0**power) for power in np.arange(-4.0, 3.1, 0.5))
SCALES = (0.03, 0.1, 0.3, 1.0)  # of a kernel's gamma, over the number of features


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """Errors on pairs that the fit had not seen; accuracies are fractions.

    `constant_rmse` is what the best constant does, the baseline. `spearman` is nan where all
    accuracies are equal.
    """

    pairs: int
    parts: int
    rmse: float
    constant_rmse: float
    spearman: float

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["spearman"] = None if np.isnan(self.spearman) else self.spearman
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        spearman = data["spearman"]
        return cls(
            pairs=int(data["pairs"]),
            parts=int(data["parts"]),
            rmse=float(data["rmse"]),
            constant_rmse=float(data["constant_rmse"]),
            spearman=float("nan") if spearman is None else float(spearman),
        )


def solve(kernel: Kernel, features: Array, values: Array) -> Array:
    """Weights (n,) with which similarities to `features` predict `values` around their mean."""
    similarity = kernel.between(features, features)
    similarity[np.diag_indices_from(similarity)] += kernel.ridge
    return np.asarray(np.linalg.solve(similarity, values - values.mean()))


def choose(
    features: Array, values: Array, rng: np.random.Generator
) -> tuple[Kernel, CrossValidation]:
    """Return the kernel with the least error on held-out parts, and that error.

    Of very many pairs a part is drawn, for the effort grows with their cube.
    """
    drawn = rng.permutation(len(values))[:MOST_COMPARED]
    features, values = features[drawn], values[drawn]
    part = rng.permutation(len(values)) % PARTS
    best: tuple[float, Kernel, Array] | None = None
    for name, gamma in _candidates(features.shape[1]):
        held_out = _held_out(name, gamma, features, values, part)
        for ridge, predicted in held_out.items():
            rmse = _rmse(predicted, values)
            if best is None or rmse < best[0]:
                best = (rmse, Kernel(name=name, gamma=gamma, ridge=ridge), predicted)
    assert best is not None
    constant = np.array([values[part != p].mean() for p in part])
    return best[1], CrossValidation(
        pairs=len(values),
        parts=PARTS,
        rmse=best[0],
        constant_rmse=_rmse(constant, values),
        spearman=_spearman(best[2], values),
    )


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


def _rmse(predicted: Array, values: Array) -> float:
    return float(np.sqrt(np.mean((predicted - values) ** 2)))


def _spearman(predicted: Array, values: Array) -> float:
    from scipy.stats import rankdata

    a, b = rankdata(predicted), rankdata(values)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
