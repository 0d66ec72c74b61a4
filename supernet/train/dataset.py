"""Data as the trainer reads it: normalised tensors, batches, resizing, and honest scores."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from bench.errors import InputError
from supernet.class_names import ClassNames
from supernet.train.digits import CLASSES, SIZE, Part, Splits, load_digits_parts
from supernet.wilson import wilson_interval

if TYPE_CHECKING:
    from supernet.train.parts import Parts
    from supernet.train.source import Broken
    from supernet.train.tensor_source import TensorSource

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

    def in_order(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Every image once, in order, for evaluation; the last batch may be short."""
        for start in range(0, len(self), size):
            yield self.images[start : start + size], self.labels[start : start + size]

    def chunks(self, size: int) -> "Iterator[Dataset]":
        """Every image once, in order, in data sets of `size` images; the last may be smaller."""
        for start in range(0, len(self), size):
            yield self._take(torch.arange(start, min(start + size, len(self))))

    def subset(self, n: int, rng: np.random.Generator) -> "Dataset":
        """`n` images drawn without replacement (all of them where there are no more)."""
        return self._take(torch.from_numpy(choose(len(self), n, rng)))

    def _take(self, chosen: torch.Tensor) -> "Dataset":
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
    mean: tuple[float, ...] = (_MEAN,)
    spread: tuple[float, ...] = (_SPREAD,)
    class_names: ClassNames = tuple(map(str, range(CLASSES)))

    @property
    def train_source(self) -> "TensorSource":
        from supernet.train.tensor_source import TensorSource  # which imports this module

        return TensorSource(self.train, self.name, self.class_names)

    @cached_property
    def train(self) -> Dataset:
        return _from_part(self.splits.train)

    @cached_property
    def validation(self) -> Dataset:
        return _from_part(self.splits.validation)

    @cached_property
    def test(self) -> Dataset:
        return _from_part(self.splits.test)

    def broken(self) -> "tuple[Broken, ...]":
        """Give none: images that are drawn here can be read."""
        return ()


@overload
def get_dataset(name: Literal["digits"] = ..., seed: int = ...) -> DatasetParts: ...
@overload
def get_dataset(
    name: str, seed: int = ..., *, channels: int = ..., size: int = ..., workers: int | None = ...
) -> "Parts": ...
def get_dataset(
    name: str = "digits",
    seed: int = 0,
    *,
    channels: int = 3,
    size: int = 224,
    workers: int | None = None,
) -> "Parts":
    """Parts of the data set of this name, or of a folder of images (see `train.folder_parts`).

    A folder is told by a separator in `name`, or by being there. Its images get so many `channels`
    (1 or 3), for evaluation are held at `size` pixels (of a space, its largest resolution), and are
    decoded by so many `workers`; to a data set with a name these three mean nothing. `InputError`
    names the known data sets, or what the folder lacks.
    """
    if name in _DATASETS:
        return _DATASETS[name](seed)
    if os.sep in name or "/" in name or Path(name).is_dir():
        # Only here: Pillow is needed for nothing else.
        from supernet.train.folder_parts import open_folder

        return open_folder(Path(name), seed, channels=channels, size=size, workers=workers)
    raise InputError(
        f"no data set {name!r}, expected one of {', '.join(sorted(_DATASETS))}, or the path of a "
        "folder of images: give one by --data"
    )


def choose(total: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """`n` of `total` places in order, drawn without replacement; all where there are no more."""
    return np.sort(rng.permutation(total)[:n])


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

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy, by `wilson_interval`; of a share, not of a difference."""
        return wilson_interval(self.accuracy, self.error, self.images, self.groups)


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
