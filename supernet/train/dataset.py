"""Data as the trainer reads it: normalised tensors, batches, resizing, and honest scores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from bench.errors import InputError
from supernet.train.digits import CLASSES, SIZE, Part, Splits, load_digits_parts

# About the mean and the standard deviation of the training bytes (tests hold them to it).
_MEAN, _SPREAD = 45.0, 41.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Images float32 (n, channels, h, w), normalised, in memory order channels last; labels (n,).

    `groups` int64 (n,) names what each image was made from: images of one group are not
    independent, and `score` takes its error over groups.
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

    def batches(
        self, size: int, rng: np.random.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch of (images, labels) in a new random order; what is short of a batch is left."""
        order = torch.from_numpy(rng.permutation(len(self)))
        for start in range(0, len(self) - size + 1, size):
            chosen = order[start : start + size]
            yield self.images[chosen], self.labels[chosen]

    def in_order(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Every image once, in order, for evaluation; the last batch may be short."""
        for start in range(0, len(self), size):
            yield self.images[start : start + size], self.labels[start : start + size]

    def subset(self, n: int, rng: np.random.Generator) -> "Dataset":
        """`n` images drawn without replacement (all of them where there are no more)."""
        chosen = torch.from_numpy(np.sort(rng.permutation(len(self))[:n]))
        return Dataset(
            images=self.images[chosen],
            labels=self.labels[chosen],
            groups=self.groups[chosen],
            classes=self.classes,
        )


@dataclass(frozen=True, kw_only=True)
class DatasetParts:
    """Train, validation and test of one data set, each made when first read.

    Read `test` once, at the end: whatever was decided by it is no longer tested by it. An image
    of bytes was made the networks' input by (byte - `mean`) / `spread`.
    """

    name: str
    channels: int
    classes: int
    size: int
    splits: Splits
    mean: float = _MEAN
    spread: float = _SPREAD

    @cached_property
    def train(self) -> Dataset:
        return _from_part(self.splits.train)

    @cached_property
    def validation(self) -> Dataset:
        return _from_part(self.splits.validation)

    @cached_property
    def test(self) -> Dataset:
        return _from_part(self.splits.test)


def get_dataset(name: str = "digits", seed: int = 0) -> DatasetParts:
    """The data set of this name; `InputError` names the known ones."""
    if name not in _DATASETS:
        raise InputError(f"no data set {name!r}, expected one of {', '.join(sorted(_DATASETS))}")
    return _DATASETS[name](seed)


def resize(images: torch.Tensor, resolution: int) -> torch.Tensor:
    """Square images (n, c, h, h) at another resolution, bilinear with antialiasing."""
    if images.shape[-1] == resolution:
        return images
    shape = (resolution, resolution)
    return functional.interpolate(images, shape, mode="bilinear", antialias=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A share of right answers, its standard error over groups, and how many there were."""

    accuracy: float
    error: float
    images: int
    groups: int


def score(values: npt.ArrayLike, groups: npt.ArrayLike) -> Score:
    """Mean of `values` (n,) over images, with the standard error of drawing other groups.

    `values` are 1 where a network was right and 0 elsewhere, or the difference of two networks'
    (a paired comparison, whose error is smaller than that of either). The error is that of a ratio
    of group totals (linearised), which is what a bootstrap over groups converges to.
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


def _from_part(part: Part) -> Dataset:
    images = torch.from_numpy(part.images).float().sub_(_MEAN).div_(_SPREAD)
    return Dataset(
        # On a CPU, convolutions of narrow networks train twice as fast on channels last.
        images=images.contiguous(memory_format=torch.channels_last),
        labels=torch.from_numpy(part.labels),
        groups=torch.from_numpy(part.groups),
        classes=CLASSES,
    )


def _digits(seed: int) -> DatasetParts:
    return DatasetParts(
        name="digits",
        channels=1,
        classes=CLASSES,
        size=SIZE,
        splits=load_digits_parts(seed=seed),
    )


_DATASETS: dict[str, Callable[[int], DatasetParts]] = {"digits": _digits}
