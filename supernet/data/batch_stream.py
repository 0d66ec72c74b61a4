"""Stream of training batches, whose images are determined in advance.

A `BatchRequest` defines a batch: its images, their size, and the seed of its randomness. A stream
can therefore be prefetched by workers, started anywhere, and divided among ranks, and still gives
the same batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from supernet.data.class_names import ClassNames


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """One batch: `images` (n,) are indices into the source, `resolution` is in pixels.

    `seed` is for `numpy.random.default_rng` and determines all randomness of the batch.
    """

    images: NDArray[np.int64]
    resolution: int
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Normalised images float32 (n, c, r, r), channels last, and their labels int64 (n,).

    `index` (n,) are the images' indices in the source: the requested ones without unreadable
    images. Images that were mixed have `soft_labels`, float32 (n, classes): the shares of their
    classes, of which `labels` are the larger.
    """

    images: Tensor
    labels: Tensor
    index: Tensor
    soft_labels: Tensor | None = None

    @property
    def targets(self) -> Tensor:
        """What the loss compares with: soft labels where there are some, otherwise labels."""
        return self.labels if self.soft_labels is None else self.soft_labels


@dataclass(frozen=True, slots=True, order=True)
class Broken:
    """Image file that was skipped, with the reason."""

    path: Path
    reason: str

    def __str__(self) -> str:
        """Return `PATH: reason`, with escapes for names that are not valid text."""
        return f"{printable(self.path)}: {self.reason}"


class LabelledImages(Protocol):
    """What training images and whole data sets have in common."""

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def class_names(self) -> ClassNames:
        """Return the names of the labels 0, 1, ...; empty where they are unknown."""
        ...

    def broken(self) -> tuple[Broken, ...]:
        """Return the images that could not be read so far, sorted by path."""
        ...


class Source(LabelledImages, Protocol):
    """Training images. `repeats`: an image is identical each time it is drawn."""

    @property
    def repeats(self) -> bool: ...

    def __len__(self) -> int: ...

    def stream(self, requests: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Yield the batches in order; may prefetch until the iterator is closed."""
        ...

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of all images in an epoch, (n,)."""
        ...

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Return the first `n` images, or all if fewer, as for evaluation: (n, c, r, r)."""
        ...


def printable(path: Path) -> str:
    """Return a path as printable text: bytes that are not valid text become escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()
