"""Training batches from images in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from supernet.data.batch_stream import Batch, BatchRequest, Broken
from supernet.data.class_names import ClassNames
from supernet.data.dataset import Dataset, resize


@dataclass(frozen=True)
class TensorSource:
    """`Source` of a data set in memory: resized, without augmentation.

    Its batches are deterministic: the seed of a `BatchRequest` is ignored.
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

    def stream(self, requests: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Yield the batches in order, each made on request."""
        for request in requests:
            index = torch.from_numpy(request.images)
            yield Batch(
                images=_at(self.dataset.images[index], request.resolution),
                labels=self.dataset.labels[index],
                index=index,
            )

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of the images in an epoch, (n,): any order is equally likely."""
        return rng.permutation(len(self))

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Return the first `n` images, or all if fewer."""
        return _at(self.dataset.images[:n], resolution)

    def broken(self) -> tuple[Broken, ...]:
        """Return nothing: images in memory are readable."""
        return ()


def _at(images: Tensor, resolution: int) -> Tensor:
    return resize(images, resolution).contiguous(memory_format=torch.channels_last)
