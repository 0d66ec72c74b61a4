"""Images of a torch `Dataset` that are read on demand, not kept in memory."""

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
STILL = (0,)  # the seed of what evaluation sees: an item that varies is always the same there


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How an image of bytes becomes the networks' input: (byte - mean) / spread, by channel."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def apply_(self, images: Tensor) -> Tensor:
        """Scale float images (n, c, h, w) of bytes in place, and return them."""
        mean, spread = (torch.tensor(x)[:, None, None] for x in (self.mean, self.spread))
        return images.sub_(mean).div_(spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchImages:
    """Items as evaluation sees them, at `size` pixels a side. Each is independent."""

    items: Items
    scale: Scale
    size: int

    def __len__(self) -> int:
        return len(self.items)

    def subset(self, n: int, rng: np.random.Generator) -> Dataset:
        """Draw `n` images without replacement, and only then read them."""
        return self.gather(choose(len(self), n, rng))

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give images and labels of every image once, `size` at a time."""
        for part in self.chunks(size):
            yield part.images, part.labels

    def chunks(self, size: int) -> Iterator[Dataset]:
        """Give the same as data sets; a group is an image's place."""
        yield from self._chunks(np.arange(len(self)), size)

    def gather(self, chosen: NDArray[np.int64]) -> Dataset:
        """Read the images `chosen` into one data set, holding little more than that."""
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
        read = self.items.read(groups, [STILL] * len(groups))
        for group, raw in zip(groups, read, strict=True):
            yield Dataset(
                images=prepared(raw.images, self.scale, self.size),
                labels=raw.labels,
                groups=torch.from_numpy(group),
                classes=self.items.kind.classes,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchSource:
    """A `Source` over items that are read each time they are drawn, as the Dataset gives them.

    `repeats` says that an item is the same each time; what varies does so by a batch's seed.
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

    def stream(self, wanted: Sequence[BatchRequest]) -> Iterator[Batch]:
        """Give the batches in order; with workers, some are read ahead."""
        read = self.items.read([one.images for one in wanted], [one.seed for one in wanted])
        for one, raw in zip(wanted, read, strict=True):
            yield Batch(
                images=prepared(raw.images, self.scale, one.resolution),
                labels=raw.labels,
                index=torch.from_numpy(one.images),
            )

    def calibration(self, n: int, resolution: int) -> Tensor:
        """Give the first `n` images, or all if fewer, as evaluation sees them."""
        images = TorchImages(items=self.items, scale=self.scale, size=resolution)
        return images.gather(np.arange(min(n, len(self)))).images

    def broken(self) -> tuple[Broken, ...]:
        """Give none: an item that cannot be read is an error of its Dataset."""
        return ()


def prepared(raw: Tensor, scale: Scale, resolution: int) -> Tensor:
    """Return what networks take of images as the Dataset gives them, channels last."""
    images = scale.apply_(to_bytes(raw))
    return resize(images, resolution).contiguous(memory_format=torch.channels_last)
