"""Composed digits as a data set: three parts of normalised tensors, drawn on first use."""

from dataclasses import dataclass
from functools import cached_property

import torch

from supernet.data.batch_stream import Broken
from supernet.data.class_names import ClassNames
from supernet.data.dataset import Dataset
from supernet.data.digits import CLASSES, SIZE, Part, Splits, load_digits_parts
from supernet.data.tensor_source import TensorSource

# Approximate mean and standard deviation of the training bytes (checked by a test).
_MEAN, _SPREAD = 45.0, 41.0


@dataclass(frozen=True, kw_only=True)
class DatasetParts:
    """Train, validation and test part of a data set, each created on first use.

    Read `test` once, at the end, since decisions based on it invalidate the test. The networks'
    input is (byte - `mean`) / `spread`.
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
    def train_source(self) -> TensorSource:
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

    def broken(self) -> tuple[Broken, ...]:
        """Return nothing: drawn images are always readable."""
        return ()


def open_digits(seed: int) -> DatasetParts:
    """Return the composed digits of this seed, without drawing them yet."""
    return DatasetParts(
        name="digits",
        channels=1,
        classes=CLASSES,
        size=SIZE,
        splits=load_digits_parts(seed=seed),
    )


def _from_part(part: Part) -> Dataset:
    images = torch.from_numpy(part.images).float().sub_(_MEAN).div_(_SPREAD)
    return Dataset(
        # On a CPU, convolutions of narrow networks train twice as fast on channels last.
        images=images.contiguous(memory_format=torch.channels_last),
        labels=torch.from_numpy(part.labels),
        groups=torch.from_numpy(part.groups),
        classes=CLASSES,
    )
