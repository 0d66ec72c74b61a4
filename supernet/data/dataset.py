"""Data sets of normalised tensors for the trainer: batches, resizing, scores."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from bench.errors import InputError
from supernet.data.wilson import wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Images float32 (n, channels, h, w), normalised, in memory order channels last; labels (n,).

    `groups` int64 (n,) identifies the source of each image: images of one group are not
    independent, and `score` computes its error over groups.
    """

    images: torch.Tensor
    labels: torch.Tensor
    groups: torch.Tensor
    classes: int

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.images.ndim != 4 or len(self.images) != n or len(self.groups) != n:
            shapes = [tuple(x.shape) for x in (self.images, self.labels, self.groups)]
            raise InputError(
                f"images (n, c, h, w), labels (n,), groups (n,) expected, got {shapes}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def channels(self) -> int:
        return self.images.shape[1]

    def in_order(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield every image once, in order, for evaluation; the last batch may be short."""
        for start in range(0, len(self), size):
            yield self.images[start : start + size], self.labels[start : start + size]

    def chunks(self, size: int) -> "Iterator[Dataset]":
        """Yield every image once, in order, in data sets of `size` images.

        The last may be smaller.
        """
        for start in range(0, len(self), size):
            yield self._take(torch.arange(start, min(start + size, len(self))))

    def subset(self, n: int, rng: np.random.Generator) -> "Dataset":
        """Draw `n` images without replacement (all images if there are fewer)."""
        return self._take(torch.from_numpy(choose(len(self), n, rng)))

    def _take(self, chosen: torch.Tensor) -> "Dataset":
        return Dataset(
            images=self.images[chosen],
            labels=self.labels[chosen],
            groups=self.groups[chosen],
            classes=self.classes,
        )


def choose(total: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw `n` of `total` indices without replacement, sorted; all if there are fewer."""
    return np.sort(rng.permutation(total)[:n])


def resize(images: torch.Tensor, resolution: int) -> torch.Tensor:
    """Resize square images (n, c, h, h) to a resolution, bilinear with antialiasing."""
    if images.shape[-1] == resolution:
        return images
    shape = (resolution, resolution)
    return functional.interpolate(images, shape, mode="bilinear", antialias=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Accuracy, its standard error over groups, and the numbers of images and groups."""

    accuracy: float
    error: float
    images: int
    groups: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of an accuracy (not of a difference), by `wilson_interval`."""
        return wilson_interval(self.accuracy, self.error, self.images, self.groups)


def score(values: npt.ArrayLike, groups: npt.ArrayLike) -> Score:
    """Return the mean of `values` (n,) over images, with its standard error over groups.

    `values` are 1 for correct answers and 0 otherwise, or the difference of two networks' values (a
    paired comparison, whose error is smaller than that of either). The error is that of a ratio of
    group totals (linearised), to which a bootstrap over groups converges.
    """
    value = np.asarray(values, np.float64)
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if len(value) != len(index) or len(names) < 2:
        raise InputError(f"{len(value)} values in {len(names)} groups, expected 2 groups or more")
    mean = float(value.mean())
    residuals = np.bincount(index, value - mean)
    k = len(names)
    error = float(np.sqrt(k / (k - 1) * np.sum(residuals**2)) / len(value))
    return Score(accuracy=mean, error=error, images=len(value), groups=k)
