"""What commands ask of a data set, be it in memory or on disk."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from torch import Tensor

from bench.errors import InputError
from supernet.class_names import ClassNames, check_same
from supernet.space import SearchSpace
from supernet.train import dataset
from supernet.train.dataset import Dataset
from supernet.train.source import Broken, Source


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


class Parts(Protocol):
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


def open_data(
    name: str,
    space: SearchSpace,
    *,
    workers: int | None = None,
    labels: bool = True,
    class_names: ClassNames = (),
) -> Parts:
    """Data set `name` (see `get_dataset`) for networks of `space`.

    `InputError` where its channels differ from the space's, or, where `labels` are used, its
    classes do, or are named otherwise than `class_names`.
    """
    data = dataset.get_dataset(
        name, channels=space.in_channels, size=max(space.resolutions), workers=workers
    )
    if data.channels != space.in_channels or (labels and data.classes != space.classes):
        raise InputError(
            f"the space {space.name} has {space.in_channels} input channels and {space.classes} "
            f"classes, the data {name} {data.channels} and {data.classes}; give other data, or a "
            "space with these"
        )
    if labels:
        check_same(class_names, data.class_names, name)
    return data
