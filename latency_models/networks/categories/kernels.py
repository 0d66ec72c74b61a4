"""Covariance of categories' costs: by name, by position, and by other devices.

Costs are relative to the mean of their column: a sum over columns determines no more. All kernels
have a mean variance of one over the number of columns, so that a standard deviation is about that
of the relative latency of networks that the kernel explains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from latency_models.networks.categories.predictor import stem_of
from latency_models.regression.block_kernel import squared_exponential

Floats = NDArray[np.float64]

PLACES = 5.0  # columns of one name at which the correlation of their categories falls to 1/e
EMBEDDED = 0.7  # length scale of costs on other devices


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every category of every column, in the order of costs (m,)."""

    columns: tuple[str, ...]
    categories: tuple[tuple[int, ...], ...]  # by column, ascending

    @property
    def owner(self) -> NDArray[np.int64]:
        """Place of each category's column, (m,)."""
        return np.repeat(np.arange(len(self.columns)), [len(column) for column in self.categories])

    @property
    def values(self) -> NDArray[np.int64]:
        """Categories by themselves, (m,)."""
        return np.concatenate([np.array(column, dtype=np.int64) for column in self.categories])

    def counts(self, codes: NDArray[np.int64]) -> Floats:
        """Return rows of categories (n, columns) as ones and zeros, (n, m)."""
        owner, values = self.owner, self.values
        result: Floats = (codes[:, owner] == values[None, :]).astype(np.float64)
        return result

    def centred(self, costs: Floats) -> Floats:
        """Return costs (m, ...) less their column's mean."""
        owner = self.owner
        same = (owner[:, None] == owner[None, :]).astype(np.float64)
        result: Floats = costs - (same / same.sum(axis=1, keepdims=True)) @ costs
        return result


def own_kernels(vocabulary: Vocabulary) -> Floats:
    """Return kernels (3, m, m): equal names are similar anywhere, or near by, or none is."""
    owner, values = vocabulary.owner, vocabulary.values
    stems = np.array([stem_of(column) for column in vocabulary.columns])
    same = (values[:, None] == values[None, :]) & (stems[owner][:, None] == stems[owner][None, :])
    # Places are counted among the columns of one name.
    place = np.array(
        [i for _, group in groupby(stems.tolist()) for i in range(len(list(group)))], dtype=float
    )[owner]
    near = np.exp(-np.abs(place[:, None] - place[None, :]) / PLACES)
    kernels = (same.astype(np.float64), same * near, np.eye(len(owner)))
    return np.stack([_normal(vocabulary, kernel) for kernel in kernels])


def device_kernels(vocabulary: Vocabulary, priors: Sequence[Floats]) -> Floats:
    """Return kernels (2, m, m) from costs on other devices, each (m,): a mix of them, or similar.

    A device that many others resemble counts less: twelve GPUs are not twelve kinds of device.
    """
    costs = np.stack(priors, axis=1)
    similar = (costs.T @ costs / len(costs)) ** 2
    weights = 1 / similar.sum(axis=1)
    weights /= weights.sum()
    positions = costs * np.sqrt(weights) / EMBEDDED
    kernels = ((costs * weights) @ costs.T, squared_exponential(positions, positions))
    return np.stack([_normal(vocabulary, kernel) for kernel in kernels])


def shape_of(vocabulary: Vocabulary, costs: Floats) -> tuple[Floats, float]:
    """Return costs (m,) less their columns' means, scaled to a mean square of 1, and the scale."""
    centred = vocabulary.centred(costs)
    scale = float(np.sqrt(np.mean(centred**2)))
    return centred / max(scale, 1e-300), scale


def _normal(vocabulary: Vocabulary, kernel: Floats) -> Floats:
    centred = vocabulary.centred(vocabulary.centred(kernel).T)
    variance = float(np.mean(np.diagonal(centred))) * len(vocabulary.columns)
    result: Floats = centred / variance if variance > 1e-12 else 0.0 * centred
    return result
