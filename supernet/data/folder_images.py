"""Images of a folder for evaluation: centre crops, read on demand.

They are prepared as for ImageNet at one size; smaller resolutions are resized from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from supernet.data.batch_stream import printable
from supernet.data.dataset import Dataset, choose
from supernet.data.decode import DecodeRequest, centre_view
from supernet.data.reader import ImageReader

# Statistics of ImageNet in bytes; for grey images the mean over channels.
MEANS = {1: (114.495,), 3: (123.675, 116.28, 103.53)}
SPREADS = {1: (57.63,), 3: (58.395, 57.12, 57.375)}
READ_AT_ONCE = 100
_GAP = 2.0  # see `decode.DecodeRequest`


@dataclass(frozen=True)
class FolderImages:
    """Images of one part at `size` pixels a side, prepared for evaluation, all independent."""

    reader: ImageReader
    size: int

    def __len__(self) -> int:
        return len(self.reader.files)

    def subset(self, n: int, rng: np.random.Generator) -> Dataset:
        """Draw `n` images without replacement, then read only these."""
        return self._gather(choose(len(self), n, rng))

    def first(self, n: int) -> Dataset:
        """Read the first `n` images that can be read, or all if fewer."""
        parts: list[Dataset] = []
        start = 0
        while (missing := n - sum(len(part) for part in parts)) > 0 and start < len(self):
            chosen = np.arange(start, min(start + missing, len(self)))
            parts.append(self._gather(chosen))
            start += len(chosen)
        if len(parts) == 1:
            return parts[0]
        return Dataset(
            images=torch.cat([part.images for part in parts]),
            labels=torch.cat([part.labels for part in parts]),
            groups=torch.cat([part.groups for part in parts]),
            classes=len(self.reader.files.classes),
        )

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and labels, `size` at a time, without unreadable images."""
        for part in self.chunks(size):
            yield part.images, part.labels

    def chunks(self, size: int) -> Iterator[Dataset]:
        """Yield the same as data sets; the group is the index of the image."""
        yield from self._chunks(np.arange(len(self)), size)

    def _gather(self, chosen: NDArray[np.int64]) -> Dataset:
        """Read the images `chosen` into one data set, with little additional memory."""
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
            example = f", the first {broken[0]}" if broken else ""
            raise InputError(
                f"none of the {len(chosen)} images requested of {printable(files.root)} "
                f"can be read{example}"
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

        def request(group: int, position: int) -> DecodeRequest:
            return DecodeRequest(
                path=files.path(int(groups[group][position])),
                open=files.opener(int(groups[group][position])),
                channels=self.reader.channels,
                resolution=self.size,
                choose=centre_view,
                gap=_GAP,
            )

        for group, pixels in zip(groups, self.reader.read(groups, request), strict=True):
            if len(pixels.indices):
                index = torch.from_numpy(group)[pixels.indices]
                yield Dataset(
                    images=normalise_(pixels.images.float().div_(255)),
                    labels=torch.from_numpy(files.labels)[index],
                    groups=index,
                    classes=len(files.classes),
                )


def normalise_(images: Tensor) -> Tensor:
    """Normalise images (n, c, h, w) in [0, 1] in place, and return them."""
    channels = images.shape[1]
    mean = torch.tensor(MEANS[channels])[:, None, None] / 255
    spread = torch.tensor(SPREADS[channels])[:, None, None] / 255
    return images.sub_(mean).div_(spread)
