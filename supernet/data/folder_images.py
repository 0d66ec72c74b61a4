"""Images of a folder for evaluation: centre crops, read on demand.

They are prepared as for ImageNet, and held at one size; smaller resolutions are resized from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from supernet.data.batch_stream import shown
from supernet.data.dataset import Dataset, choose
from supernet.data.decode import DecodeRequest, centre_view
from supernet.data.reader import ImageReader

# ImageNet's, over bytes; for grey images the mean of the three.
MEANS = {1: (114.495,), 3: (123.675, 116.28, 103.53)}
SPREADS = {1: (57.63,), 3: (58.395, 57.12, 57.375)}
READ_AT_ONCE = 100
_GAP = 2.0  # see `decode.Asked`


@dataclass(frozen=True)
class FolderImages:
    """Images of one part at `size` pixels a side, as evaluation sees them. Each is independent."""

    reader: ImageReader
    size: int

    def __len__(self) -> int:
        return len(self.reader.files)

    def subset(self, n: int, rng: np.random.Generator) -> Dataset:
        """Draw `n` images without replacement, and only then read them."""
        return self._gather(choose(len(self), n, rng))

    def first(self, n: int) -> Dataset:
        """Read the first `n` images that can be read, or all if fewer."""
        found: list[Dataset] = []
        begin = 0
        while (left := n - sum(len(part) for part in found)) > 0 and begin < len(self):
            chosen = np.arange(begin, min(begin + left, len(self)))
            found.append(self._gather(chosen))
            begin += len(chosen)
        if len(found) == 1:
            return found[0]
        return Dataset(
            images=torch.cat([part.images for part in found]),
            labels=torch.cat([part.labels for part in found]),
            groups=torch.cat([part.groups for part in found]),
            classes=len(self.reader.files.classes),
        )

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give images and labels, `size` at a time, less those that cannot be read."""
        for part in self.chunks(size):
            yield part.images, part.labels

    def chunks(self, size: int) -> Iterator[Dataset]:
        """Give the same as data sets; a group is an image's place."""
        yield from self._chunks(np.arange(len(self)), size)

    def _gather(self, chosen: NDArray[np.int64]) -> Dataset:
        """Read the images `chosen` into one data set, holding little more than that."""
        channels, files = self.reader.channels, self.reader.files
        shape = (len(chosen), channels, self.size, self.size)
        images = torch.empty(shape).contiguous(memory_format=torch.channels_last)
        groups: list[Tensor] = []
        done = 0
        for part in self._chunks(chosen, READ_AT_ONCE):
            images[done : done + len(part)] = part.images
            groups.append(part.groups)
            done += len(part)
        if not done:
            broken = self.reader.broken()
            why = f", the first {broken[0]}" if broken else ""
            raise InputError(
                f"none of the {len(chosen)} images asked of {shown(files.root)} can be read{why}"
            )
        index = torch.cat(groups)
        return Dataset(
            images=images[:done],
            labels=torch.from_numpy(files.labels)[index],
            groups=index,
            classes=len(files.classes),
        )

    def _chunks(self, chosen: NDArray[np.int64], size: int) -> Iterator[Dataset]:
        files = self.reader.files
        groups = [chosen[start : start + size] for start in range(0, len(chosen), size)]

        def ask(group: int, place: int) -> DecodeRequest:
            return DecodeRequest(
                path=files.path(int(groups[group][place])),
                channels=self.reader.channels,
                resolution=self.size,
                choose=centre_view,
                gap=_GAP,
            )

        for group, pixels in zip(groups, self.reader.read(groups, ask), strict=True):
            if len(pixels.places):
                index = torch.from_numpy(group)[pixels.places]
                yield Dataset(
                    images=normalise_(pixels.images.float().div_(255)),
                    labels=torch.from_numpy(files.labels)[index],
                    groups=index,
                    classes=len(files.classes),
                )


def normalise_(images: Tensor) -> Tensor:
    """Make images (n, c, h, w) in [0, 1] what networks take, in place; the same tensor."""
    channels = images.shape[1]
    mean = torch.tensor(MEANS[channels])[:, None, None] / 255
    spread = torch.tensor(SPREADS[channels])[:, None, None] / 255
    return images.sub_(mean).div_(spread)
