"""Read batches of a folder's images, and record unreadable ones."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import InputError
from supernet.data.batch_stream import Broken, printable
from supernet.data.decode import DecodeRequest, try_decode
from supernet.data.folder import ImageFiles
from supernet.data.loader import in_order

MANY = 5  # number of broken images that indicates a general problem


@dataclass(frozen=True, slots=True)
class Pixels:
    """Bytes uint8 (k, c, r, r), channels last, of the readable images.

    `indices` (k,) in the request.
    """

    images: Tensor
    indices: Tensor


class ImageReader:
    """Reads images of `files`; unreadable ones are skipped and listed by `broken`.

    A class with at least `fewest` images, all of which are broken, is an error.
    """

    def __init__(
        self, files: ImageFiles, *, channels: int, workers: int, fewest: int = MANY
    ) -> None:
        self.files, self.channels, self.workers = files, channels, workers
        self._fewest = fewest
        self._sizes = np.bincount(files.labels, minlength=len(files.classes))
        self._broken: dict[int, Broken] = {}
        self._by_class: Counter[int] = Counter()

    def read(
        self, groups: Sequence[NDArray[np.int64]], request: Callable[[int, int], DecodeRequest]
    ) -> Iterator[Pixels]:
        """Yield the pixels of each group of images; `request(group, index)` says how to read each.

        Groups without readable images are empty. Raises `InputError` where more than half of a
        group, and at least 5 images, are broken, or where all images of a class are.
        """
        requests = (
            [request(number, index) for index in range(len(group))]
            for number, group in enumerate(groups)
        )
        with closing(in_order(try_decode, requests, workers=self.workers)) as results:
            for group, decoded in zip(groups, results, strict=True):
                yield self._collect(group, decoded)

    def broken(self) -> tuple[Broken, ...]:
        """Return the images that could not be read so far, sorted by path."""
        return tuple(sorted([*self.files.broken, *self._broken.values()]))

    def _collect(
        self, group: NDArray[np.int64], decoded: Sequence[NDArray[np.uint8] | str]
    ) -> Pixels:
        indices, squares, broken = [], [], []
        for index, content in enumerate(decoded):
            if isinstance(content, str):
                broken.append(self._record_broken(int(group[index]), content))
            else:
                indices.append(index)
                squares.append(content)
        if len(broken) >= MANY and 2 * len(broken) > len(group):
            raise InputError(
                f"{len(broken)} of {len(group)} images of {printable(self.files.root)} cannot be "
                f"read, the first {broken[0]}; repair or remove them"
            )
        if not squares:
            return Pixels(torch.zeros((0, self.channels, 1, 1), dtype=torch.uint8), torch.arange(0))
        # (rows, columns, channels) to torch's channels-last memory format.
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
        return Pixels(images, torch.tensor(indices))

    def _record_broken(self, image: int, reason: str) -> Broken:
        broken = Broken(self.files.path(image), reason)
        if image in self._broken:
            return broken
        label = int(self.files.labels[image])
        self._broken[image] = broken
        self._by_class[label] += 1
        if self._by_class[label] == self._sizes[label] >= self._fewest:
            folder = self.files.root / self.files.classes[label]
            raise InputError(
                f"none of the {self._sizes[label]} images requested of {printable(folder)} can be "
                f"read, the last {broken}; repair or remove this class"
            )
        return broken
