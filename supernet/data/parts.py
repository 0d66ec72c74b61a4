"""Interface of a data set, in memory or on disk."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from torch import Tensor

from supernet.data.batch_stream import LabelledImages, Source
from supernet.data.dataset import Dataset


class Images(Protocol):
    """Images prepared for evaluation, not necessarily in memory."""

    def __len__(self) -> int: ...

    def subset(self, n: int, rng: np.random.Generator) -> Dataset:
        """Draw `n` images without replacement; unreadable ones are skipped."""
        ...

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image and label once, `size` at a time."""
        ...

    def chunks(self, size: int) -> Iterator[Dataset]:
        """Yield the same as data sets, which also have the groups of the images."""
        ...


class ImageNeeds(Protocol):
    """Image requirements of networks, as in `SearchSpace`: `resolutions` are in pixels."""

    @property
    def name(self) -> str: ...

    @property
    def in_channels(self) -> int: ...

    @property
    def classes(self) -> int: ...

    @property
    def resolutions(self) -> tuple[int, ...]: ...


class DataParts(LabelledImages, Protocol):
    """Data set of three parts; the networks' input is (byte - `mean`) / `spread`, by channel.

    Read `test` once, at the end, since decisions based on it invalidate the test.
    """

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
