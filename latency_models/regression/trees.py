"""Gradient-boosted trees: fitted by scikit-learn, stored and evaluated as arrays of nodes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Sum of regression trees, as arrays of all their nodes; a leaf is its own left and right."""

    base: float
    depth: int
    roots: NDArray[np.int64]
    feature: NDArray[np.int64]  # column of the matrix that a node compares
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]  # where the feature is at most the threshold
    right: NDArray[np.int64]
    value: NDArray[np.float64]  # of leaves, learning rate included

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of the trees (n,) for the rows of a matrix (n, features)."""
        parts = [
            self._predict(matrix[start : start + _ROWS_AT_ONCE])
            for start in range(0, len(matrix), _ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def times(self, share: float) -> "Trees":
        """Return a share of the sum."""
        return replace(self, base=share * self.base, value=share * self.value)

    def _predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        # scikit-learn compares in single precision: in double, ties would take other branches.
        single = matrix.astype(np.float32)
        rows = np.arange(len(single))[:, None]
        node = np.broadcast_to(self.roots, (len(single), len(self.roots)))
        for _ in range(self.depth):
            goes_left = single[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        total: NDArray[np.float64] = self.base + self.value[node].sum(axis=1)
        return total


def grow(matrix: NDArray[np.float64], values: NDArray[np.float64], *, seed: int) -> Trees:
    """Fit trees to `values` by least squares; deterministic for a seed."""
    return from_sklearn(grow_sklearn(matrix, values, seed=seed))


def grow_sklearn(matrix: NDArray[np.float64], values: NDArray[np.float64], *, seed: int) -> object:
    """Fit scikit-learn's model, which `from_sklearn` converts to arrays."""
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(
        n_estimators=100,
        learning_rate=0.1,
        max_depth=5,
        min_samples_leaf=2,
        subsample=0.6,
        max_features=0.4,
        random_state=seed,
    )
    return model.fit(matrix, values)


def from_sklearn(model: object) -> Trees:
    """Return the trees of a fitted `GradientBoostingRegressor` with squared error."""
    trees = [tree.tree_ for tree in model.estimators_[:, 0]]  # type: ignore[attr-defined]
    rate: float = model.learning_rate  # type: ignore[attr-defined]
    counts = np.array([tree.node_count for tree in trees])
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    left, right = [], []
    for root, tree in zip(roots, trees, strict=True):
        here = root + np.arange(tree.node_count)
        leaf = tree.children_left < 0
        left.append(np.where(leaf, here, root + tree.children_left))
        right.append(np.where(leaf, here, root + tree.children_right))
    feature = np.concatenate([tree.feature for tree in trees])
    return Trees(
        base=float(np.ravel(model.init_.constant_)[0]),  # type: ignore[attr-defined]
        depth=max(int(tree.max_depth) for tree in trees),
        roots=roots,
        feature=np.maximum(feature, 0).astype(np.int64),
        threshold=np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        left=np.concatenate(left).astype(np.int64),
        right=np.concatenate(right).astype(np.int64),
        value=np.concatenate([rate * tree.value[:, 0, 0] for tree in trees]).astype(np.float64),
    )
