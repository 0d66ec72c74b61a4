"""The interface of a data set, in memory or on disk."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from torch import Tensor

from supernet.data.batch_stream import Broken, Source
from supernet.data.class_names import ClassNames
from supernet.data.dataset import Dataset


class Images(Protocol):
    """Images as evaluation sees them, not necessarily in memory."""

    def __len__(self) -> int: ...

    def subset(self, n: int, rng: np.random.Generator) -> Dataset:
        """Draw `n` images without replacement, less those that cannot be read."""
        ...

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give images and labels of every image once, `size` at a time."""
        ...

    def chunks(self, size: int) -> Iterator[Dataset]:
        """Give the same as data sets, which also say what images are independent."""
        ...


class ImageNeeds(Protocol):
    """What images networks take, as a `SearchSpace` says it: `resolutions` are in pixels."""

    @property
    def name(self) -> str: ...

    @property
    def in_channels(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def resolutions(self) -> tuple[int, ...]: ...


class DataParts(Protocol):
    """A data set. An image of bytes became the networks' input by (byte - `mean`) / `spread`.

    `mean` and `spread` are by channel. Read `test` once, at the end: whatever was decided by it is
    no longer tested by it.
    """

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def class_names(self) -> ClassNames: ...

    @property
    def mean(self) -> tuple[float, ...]: ...

    @property
    def spread(self) -> tuple[float, ...]: ...

    @property
    def train_source(self) -> Source: ...

    @property
    def validation(self) -> Images: ...

    @property
    def test(self) -> Images: ...

    def broken(self) -> tuple[Broken, ...]:
        """Give the images met so far, of any part, that could not be read."""
        ...
