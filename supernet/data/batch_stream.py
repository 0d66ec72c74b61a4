"""The stream of batches that training reads: which images is known in advance.

A `BatchRequest` decides a batch: which images, at what size, and the seed of whatever is
random about it. So a stream can be read ahead by workers, be begun anywhere, and be shared among
ranks, and still gives the same batches.
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

    `seed` is for `numpy.random.default_rng`: everything random about the batch comes from it.
    """

    images: NDArray[np.int64]
    resolution: int
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Normalised images float32 (n, c, r, r), channels last, and their labels int64 (n,).

    `index` (n,) are the images' places in the source: those wanted, less what could not be read.
    """

    images: Tensor
    labels: Tensor
    index: Tensor


@dataclass(frozen=True, slots=True, order=True)
class Broken:
    """An image file that was left out, and why."""

    path: Path
    why: str

    def __str__(self) -> str:
        """`PATH: why`, where a name that is not text comes with escapes."""
        return f"{shown(self.path)}: {self.why}"


class Source(Protocol):
    """Training images. `repeats` says that an image is the same each time it is drawn."""

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def class_names(self) -> ClassNames:
        """Give the names of the labels 0, 1, ...; empty where they are not known."""
        ...

    @property
    def repeats(self) -> bool: ...

    def __len__(self) -> int: ...

    def stream(self, wanted: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Give the batches in order; may read ahead. Closing the iterator stops that."""
        ...

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Give the first `n` images, or all if fewer, as evaluation sees them: (n, c, r, r)."""
        ...

    def broken(self) -> tuple[Broken, ...]:
        """Give the images met so far that could not be read, sorted by path."""
        ...


def shown(path: Path) -> str:
    """Path as text that any terminal takes: names of files may hold bytes that are no text."""
    return str(path).encode("utf-8", "backslashreplace").decode()
