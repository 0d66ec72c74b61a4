"""Images of a torch `Dataset` read on demand, without keeping them in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from supernet.data.batch_stream import Batch, BatchRequest, Broken
from supernet.data.class_names import ClassNames
from supernet.data.dataset import Dataset, choose, resize
from supernet.data.torch_items import Items, to_bytes

READ_AT_ONCE = 100
EVALUATION_SEED = (0,)  # so that an item that varies is always the same in evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Normalisation of the networks' input: (byte - mean) / spread, by channel."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def apply_(self, images: Tensor) -> Tensor:
        """Normalise float images (n, c, h, w) of bytes in place, and return them."""
        mean, spread = (torch.tensor(x)[:, None, None] for x in (self.mean, self.spread))
        return images.sub_(mean).div_(spread)

    def undo(self, images: Tensor) -> Tensor:
        """Return normalised images as floats of bytes."""
        mean, spread = (torch.tensor(x)[:, None, None] for x in (self.mean, self.spread))
        return images * spread + mean


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchImages:
    """Items prepared for evaluation at `size` pixels a side, all independent."""

    items: Items
    scale: Scale
    size: int

    def __len__(self) -> int:
        return len(self.items)

    def subset(self, n: int, rng: np.random.Generator) -> Dataset:
        """Draw `n` images without replacement, then read only these."""
        return self.gather(choose(len(self), n, rng))

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield every image and label once, `size` at a time."""
        for part in self.chunks(size):
            yield part.images, part.labels

    def chunks(self, size: int) -> Iterator[Dataset]:
        """Yield the same as data sets; the group is the index of the image."""
        yield from self._chunks(np.arange(len(self)), size)

    def gather(self, chosen: NDArray[np.int64]) -> Dataset:
        """Read the images `chosen` into one data set, with little additional memory."""
        kind = self.items.kind
        shape = (len(chosen), kind.channels, self.size, self.size)
        images = torch.empty(shape).contiguous(memory_format=torch.channels_last)
        labels = torch.empty(len(chosen), dtype=torch.int64)
        done = 0
        for part in self._chunks(chosen, READ_AT_ONCE):
            images[done : done + len(part)] = part.images
            labels[done : done + len(part)] = part.labels
            done += len(part)
        groups = torch.from_numpy(chosen)
        return Dataset(images=images, labels=labels, groups=groups, classes=kind.classes)

    def _chunks(self, chosen: NDArray[np.int64], size: int) -> Iterator[Dataset]:
        groups = [chosen[start : start + size] for start in range(0, len(chosen), size)]
        read = self.items.read(groups, [EVALUATION_SEED] * len(groups))
        for group, raw in zip(groups, read, strict=True):
            yield Dataset(
                images=prepared(raw.images, self.scale, self.size),
                labels=raw.labels,
                groups=torch.from_numpy(group),
                classes=self.items.kind.classes,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchSource:
    """`Source` of items that are read each time they are drawn, as the Dataset gives them.

    `repeats`: an item is identical each time; otherwise it varies by the seed of a batch.
    """

    items: Items
    name: str
    scale: Scale
    repeats: bool
    class_names: ClassNames = ()

    @property
    def channels(self) -> int:
        return self.items.kind.channels

    @property
    def classes(self) -> int:
        return self.items.kind.classes

    def __len__(self) -> int:
        return len(self.items)

    def stream(self, requests: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Yield the batches in order; workers prefetch some."""
        read = self.items.read(
            [request.images for request in requests], [request.seed for request in requests]
        )
        for request, raw in zip(requests, read, strict=True):
            yield Batch(
                images=prepared(raw.images, self.scale, request.resolution),
                labels=raw.labels,
                index=torch.from_numpy(request.images),
            )

    def epoch_order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of the images in an epoch, (n,): any order is equally likely."""
        return rng.permutation(len(self))

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Return the first `n` images, or all if fewer, prepared for evaluation."""
        images = TorchImages(items=self.items, scale=self.scale, size=resolution)
        return images.gather(np.arange(min(n, len(self)))).images

    def broken(self) -> tuple[Broken, ...]:
        """Return nothing: an unreadable item is an error of its Dataset."""
        return ()


def prepared(raw: Tensor, scale: Scale, resolution: int) -> Tensor:
    """Return the networks' input, channels last, from images as the Dataset gives them."""
    images = scale.apply_(to_bytes(raw))
    return resize(images, resolution).contiguous(memory_format=torch.channels_last)
