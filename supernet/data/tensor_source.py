"""Batches for training from images in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from supernet.data.batch_stream import Batch, BatchRequest, Broken
from supernet.data.class_names import ClassNames
from supernet.data.dataset import Dataset, resize


@dataclass(frozen=True)
class TensorSource:
    """A `Source` over a data set in memory: resized, and else as it is.

    Nothing about its batches is random, so a `BatchRequest`'s seed is not used.
    """

    dataset: Dataset
    name: str
    class_names: ClassNames = ()

    @property
    def channels(self) -> int:
        return self.dataset.channels

    @property
    def classes(self) -> int:
        return self.dataset.classes

    @property
    def repeats(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.dataset)

    def stream(self, wanted: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Give the batches in order, each made when it is asked for."""
        for one in wanted:
            index = torch.from_numpy(one.images)
            yield Batch(
                images=_at(self.dataset.images[index], one.resolution),
                labels=self.dataset.labels[index],
                index=index,
            )

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Give the first `n` images, or all if fewer."""
        return _at(self.dataset.images[:n], resolution)

    def broken(self) -> tuple[Broken, ...]:
        """Give none: images in memory have been read."""
        return ()


def _at(images: Tensor, resolution: int) -> Tensor:
    return resize(images, resolution).contiguous(memory_format=torch.channels_last)
